namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>Finds what became of files that were rotated: after a restart, between two looks, or by copying. Opens what it finds.</summary>
internal static class RotationSearch
{
    /// <summary>
    /// The file of a checkpoint: by identity and head; else by inode and head, since device numbers change over a boot;
    /// else by its head alone, where a copy took its place. Null where it is gone.
    /// </summary>
    /// <param name="held">Files that are taken already.</param>
    public static TailedFile? Find(LogCheckpoint.FilePosition wanted, string log, LogDirectory directory, IReadOnlyCollection<TailedFile> held)
    {
        // An inode alone may by now be any file's: without a head only files that are named like this log are meant.
        var candidates = wanted.Head.IdentifiesContent ? directory.AllFiles() : directory.RotatedFiles();
        if (NativeFile.TryStat(log, out var stat, out _) && stat.IsRegular)
        {
            candidates.Insert(0, new LogDirectory.Neighbour(log, stat));
        }

        return FirstFit(candidates.Where(candidate => candidate.Stat.Id == wanted.Id), wanted, held)
            ?? FirstFit(candidates.Where(candidate => candidate.Stat.Id.Inode == wanted.Inode), wanted, held)
            ?? (wanted.Head.IdentifiesContent ? FirstFit(candidates.Where(candidate => candidate.Path == log), wanted, held) : null)
            ?? FindCopy(wanted, directory, held);
    }

    public static bool CanOpen(string path)
    {
        using var file = TryOpen(path);
        return file is not null;
    }

    /// <summary>A rotated file that begins like the wanted one and goes on beyond its offset: what copytruncate leaves behind, or a compression.</summary>
    public static TailedFile? FindCopy(LogCheckpoint.FilePosition wanted, LogDirectory directory, IReadOnlyCollection<TailedFile> held) =>
        wanted.Head.IdentifiesContent
            ? FirstFit(directory.RotatedFiles().OrderByDescending(file => file.Stat.Size).Concat(directory.Archives(long.MinValue).AsEnumerable().Reverse()), wanted, held)
            : null;

    /// <summary>
    /// Rotated files that were never seen at the log's own path: it was rotated twice between two looks, or while nobody
    /// looked. All others are remembered, in the same pass, so that no rotation can slip in between.
    /// </summary>
    public static List<TailedFile> FindUnseen(LogDirectory directory, KnownFiles known, long archivesAfter, IReadOnlyCollection<TailedFile> held)
    {
        var unseen = new List<TailedFile>();
        foreach (var file in Open(directory, archivesAfter, held))
        {
            if (IsUnseen(file, known, [.. held, .. unseen]))
            {
                file.CheckHead();
                unseen.Add(file);
                continue;
            }

            using (file)
            {
                Remember(file, known);
            }
        }

        return unseen;
    }

    /// <summary>Whether a rotated file holds lines that were read nowhere else.</summary>
    public static bool IsUnseen(TailedFile file, KnownFiles known, IReadOnlyCollection<TailedFile> held)
    {
        Span<byte> buffer = stackalloc byte[HeadFingerprint.MaxLength];
        var head = file.ReadHead(buffer);
        return !head.IsEmpty && !IsUnreadable(head) && !known.Contains(file.Id.Inode, head, file.IsCompressed) && !IsCopyOf(held, head, file.IsCompressed);
    }

    /// <summary>Remembers every rotated file that is there now and is not held.</summary>
    /// <param name="changedBy">Only those that were last changed by then, in nanoseconds of the unix epoch.</param>
    public static void Remember(LogDirectory directory, KnownFiles known, long archivesAfter, IReadOnlyCollection<TailedFile> held, long changedBy = long.MaxValue)
    {
        foreach (var file in Open(directory, archivesAfter, held))
        {
            using (file)
            {
                if (file.Stat().Modified <= changedBy)
                {
                    Remember(file, known);
                }
            }
        }
    }

    private static IEnumerable<TailedFile> Open(LogDirectory directory, long archivesAfter, IReadOnlyCollection<TailedFile> held) =>
        directory.RotatedFiles().Concat(directory.Archives(archivesAfter))
            .Where(candidate => !IsHeld(candidate.Stat.Id, held))
            .Select(candidate => TryOpen(candidate.Path))
            .OfType<TailedFile>();

    private static void Remember(TailedFile file, KnownFiles known)
    {
        Span<byte> buffer = stackalloc byte[HeadFingerprint.MaxLength];
        known.Add(file.Id.Inode, HeadFingerprint.Of(file.ReadHead(buffer)));
    }

    private static TailedFile? FirstFit(IEnumerable<LogDirectory.Neighbour> candidates, LogCheckpoint.FilePosition wanted, IReadOnlyCollection<TailedFile> held) =>
        candidates.Select(candidate => TryOpen(candidate.Path, wanted, held)).FirstOrDefault(file => file is not null);

    private static TailedFile? TryOpen(string path, LogCheckpoint.FilePosition wanted, IReadOnlyCollection<TailedFile> held)
    {
        if (TryOpen(path) is not { } file)
        {
            return null;
        }

        file.Head = wanted.Head;
        if (IsHeld(file.Id, held) || file.IsShorterThan(wanted.Offset) || !file.CheckHead())
        {
            file.Dispose();
            return null;
        }

        file.GoOnAt(wanted);
        return file;
    }

    private static TailedFile? TryOpen(string path)
    {
        try
        {
            return TailedFile.Open(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsHeld(FileId id, IReadOnlyCollection<TailedFile> held) => held.Any(file => file.Id == id);

    private static bool IsCopyOf(IReadOnlyCollection<TailedFile> files, ReadOnlySpan<byte> head, bool isCompressed)
    {
        foreach (var file in files)
        {
            if ((file.Head.IdentifiesContent || (isCompressed && file.Head.Length == head.Length)) && file.Head.Matches(head))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>zstd, xz and bzip2; told by content, for a name may lie.</summary>
    private static bool IsUnreadable(ReadOnlySpan<byte> head) =>
        head.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]) || head.StartsWith((ReadOnlySpan<byte>)[0xFD, 0x37, 0x7A, 0x58]) || head.StartsWith("BZh"u8);
}
