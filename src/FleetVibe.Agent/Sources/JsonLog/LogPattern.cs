using System.IO.Enumeration;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>A path in which each part may hold <c>*</c> and <c>?</c>; names that begin with a dot match only where the pattern says so.</summary>
internal sealed class LogPattern(string pattern)
{
    private static readonly char[] Wildcards = ['*', '?'];

    private readonly string[] _parts = pattern.Split('/');

    public static bool IsPattern(string path) => path.IndexOfAny(Wildcards) >= 0;

    public bool Matches(string path)
    {
        var names = path.Split('/');
        return names.Length == _parts.Length && names.Zip(_parts).All(pair => Fits(pair.First, pair.Second));
    }

    /// <summary>Every file that matches, in order; folders that cannot be entered hold none.</summary>
    public IReadOnlyList<string> Find()
    {
        var found = new List<string>();
        Walk(_parts[0].Length == 0 ? "/" : ".", _parts[0].Length == 0 ? 1 : 0, found);
        found.Sort(StringComparer.Ordinal);
        return found;
    }

    private void Walk(string folder, int depth, List<string> found)
    {
        var part = _parts[depth];
        var isLast = depth == _parts.Length - 1;
        foreach (var path in IsPattern(part) ? Entries(folder, isLast).Where(path => Fits(Path.GetFileName(path), part)) : [Path.Combine(folder, part)])
        {
            if (!isLast)
            {
                Walk(path, depth + 1, found);
            }
            else if (File.Exists(path))
            {
                found.Add(path);
            }
        }
    }

    private static bool Fits(string name, string part) =>
        IsPattern(part)
            ? (!name.StartsWith('.') || part.StartsWith('.')) && FileSystemName.MatchesSimpleExpression(part, name, ignoreCase: false)
            : name == part;

    private static List<string> Entries(string folder, bool files)
    {
        try
        {
            return [.. files ? Directory.EnumerateFiles(folder) : Directory.EnumerateDirectories(folder)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
