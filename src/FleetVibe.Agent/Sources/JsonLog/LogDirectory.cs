using System.Buffers;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>The files beside a log: where its rotated ones are looked for.</summary>
/// <param name="isOtherLog">Whether a file beside it is a log that is followed by itself; null where none is.</param>
internal sealed class LogDirectory(string logPath, Func<string, bool>? isOtherLog = null)
{
    private const string CompressedExtension = ".gz";

    // A rotation keeps a handful; a folder beyond these is no log folder, and reading all its heads would be a burden.
    private const int MaxEntries = 4096;

    /// <summary>So few that every rotated file stays known while it is there.</summary>
    private const int MaxRotated = KnownFiles.Capacity / 2;

    private static readonly SearchValues<char> MarkCharacters = SearchValues.Create("0123456789.-_:TZ");

    internal readonly record struct Neighbour(string Path, FileStat Stat);

    /// <summary>All regular files in the log's folder, and in its target's where the log is a link, but not the log itself.</summary>
    public List<Neighbour> AllFiles()
    {
        var found = new List<Neighbour>();
        foreach (var log in LogAndTarget())
        {
            foreach (var path in Names(System.IO.Path.GetDirectoryName(log)!))
            {
                if (path != logPath && path != log && NativeFile.TryStat(path, out var stat, out _) && stat.IsRegular)
                {
                    found.Add(new Neighbour(path, stat));
                }
            }
        }

        return found;
    }

    /// <summary>Files whose names say that they were rotated away from this log, in order of their last change; empty where there are too many to tell apart.</summary>
    public List<Neighbour> RotatedFiles() => Rotated(IsRotatedName) is { Count: <= MaxRotated } rotated ? rotated : [];

    /// <summary>Compressed ones of these that were changed after a moment, the newest: the others are what a rotation keeps of long ago.</summary>
    /// <param name="after">Nanoseconds of the unix epoch.</param>
    public List<Neighbour> Archives(long after) => [.. Rotated(IsArchiveName).Where(file => file.Stat.Modified > after).TakeLast(MaxRotated)];

    private List<Neighbour> Rotated(Func<string, string, bool> isRotated)
    {
        var names = LogAndTarget().Select(log => System.IO.Path.GetFileName(log)!).ToHashSet(StringComparer.Ordinal);
        var rotated = AllFiles()
            .Where(file => names.Any(log => isRotated(System.IO.Path.GetFileName(file.Path), log)) && isOtherLog?.Invoke(file.Path) is not true)
            .ToList();
        rotated.Sort(static (a, b) => a.Stat.Modified.CompareTo(b.Stat.Modified));
        return rotated;
    }

    /// <summary>Whether a name is the log's with something behind it, as a rotation puts it there: <c>app.log.1</c>, <c>app.log.2.gz</c>.</summary>
    internal static bool IsAppendedName(string name, string log) =>
        name.StartsWith(log, StringComparison.Ordinal) && (IsRotatedName(name, log) || IsArchiveName(name, log));

    /// <summary>E.g. for <c>app.log</c>: <c>app.log.1.gz</c>, <c>app.log.gz</c>.</summary>
    internal static bool IsArchiveName(string name, string log) =>
        name.EndsWith(CompressedExtension, StringComparison.Ordinal) && name[..^CompressedExtension.Length] is var stem
        && (stem == log || IsRotatedName(stem, log));

    /// <summary>E.g. for <c>app.log</c>: <c>app.log.1</c>, <c>app.log-20251124</c>, <c>app-2025-11-24T06-00-00.log</c>, <c>app.log.old</c>.</summary>
    internal static bool IsRotatedName(string name, string log)
    {
        if (name.Length > log.Length && name.StartsWith(log, StringComparison.Ordinal))
        {
            var mark = name.AsSpan(log.Length);
            return IsRotationMark(mark) || mark is ".old";
        }

        var extension = System.IO.Path.GetExtension(log);
        var stem = System.IO.Path.GetFileNameWithoutExtension(log);
        return extension.Length > 0 && stem.Length > 0 && name.Length > log.Length
            && name.StartsWith(stem, StringComparison.Ordinal) && name.EndsWith(extension, StringComparison.Ordinal)
            && IsRotationMark(name.AsSpan(stem.Length, name.Length - log.Length));
    }

    private static bool IsRotationMark(ReadOnlySpan<char> mark) =>
        mark.Length > 1 && mark[0] is '.' or '-' or '_'
        && !mark.ContainsAnyExcept(MarkCharacters) && mark.ContainsAnyInRange('0', '9');

    private HashSet<string> LogAndTarget()
    {
        var paths = new HashSet<string>(StringComparer.Ordinal) { System.IO.Path.GetFullPath(logPath) };
        try
        {
            if (File.ResolveLinkTarget(logPath, returnFinalTarget: true) is { } target)
            {
                paths.Add(target.FullName);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A link that leads nowhere: only its own folder is left to look in.
        }

        return paths;
    }

    private static List<string> Names(string directory)
    {
        try
        {
            return [.. Directory.EnumerateFiles(directory).Take(MaxEntries)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
