namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>
/// Rotated files beside the log that were read or were there before it was first seen: none of them may be taken for one
/// that was rotated away unseen. Bounded; the longest unseen are forgotten first. Not thread safe.
/// </summary>
internal sealed class KnownFiles(IEnumerable<KnownFiles.Entry> entries)
{
    public const int Capacity = 256;

    private readonly List<Entry> _entries = [.. entries];

    public IReadOnlyList<Entry> Entries => _entries;

    /// <summary>
    /// Whether a file is known: by its inode and its head, or by its head alone where that tells enough. Compressing gives
    /// a file another inode, so there a short head is enough that is the same to its end.
    /// </summary>
    public bool Contains(ulong inode, ReadOnlySpan<byte> head, bool isCompressed = false)
    {
        foreach (var entry in _entries)
        {
            if ((entry.Inode == inode || entry.Head.IdentifiesContent || (isCompressed && entry.Head.Length == head.Length)) && entry.Head.Matches(head))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether this very file is known, by its inode and its head.</summary>
    public bool ContainsFile(ulong inode, ReadOnlySpan<byte> head)
    {
        foreach (var entry in _entries)
        {
            if (entry.Inode == inode && entry.Head.Matches(head))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>An empty file is not remembered: whatever is written to it later was never read.</summary>
    public void Add(ulong inode, HeadFingerprint head)
    {
        if (head.Length == 0)
        {
            return;
        }

        var entry = new Entry(inode, head);
        _entries.Remove(entry);
        _entries.Add(entry);
        if (_entries.Count > Capacity)
        {
            _entries.RemoveAt(0);
        }
    }

    internal readonly record struct Entry(ulong Inode, HeadFingerprint Head);
}
