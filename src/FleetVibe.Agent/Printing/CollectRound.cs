namespace FleetVibe.Agent.Printing;

/// <summary>One round of collecting on request: which sources have not reported since. Not thread safe.</summary>
internal sealed class CollectRound
{
    private readonly HashSet<string> _missing = new(StringComparer.Ordinal);

    /// <summary>Whether a round is under way: asked for, and not every source has reported.</summary>
    internal bool IsOpen { get; private set; }

    internal IReadOnlyCollection<string> Missing => _missing;

    /// <summary>Asked for before there are sources; they are named by <see cref="Begin"/>.</summary>
    internal void Ask() => IsOpen = true;

    internal void Begin(IEnumerable<string> sources)
    {
        _missing.Clear();
        _missing.UnionWith(sources);
        IsOpen = _missing.Count > 0;
    }

    /// <summary>True where it was the last one of a round.</summary>
    internal bool Collected(string source)
    {
        if (!_missing.Remove(source) || _missing.Count > 0)
        {
            return false;
        }

        IsOpen = false;
        return true;
    }

    /// <summary>Whoever has not reported is waited for no longer.</summary>
    internal void End()
    {
        _missing.Clear();
        IsOpen = false;
    }
}
