namespace FleetVibe.Agent.Sources.Http;

/// <summary>What of one page cannot be used: how much, and the first of it by name. Not thread safe.</summary>
internal sealed class SampleSkips
{
    public long Count { get; private set; }

    /// <summary>Empty where nothing was skipped, or nothing that has a name.</summary>
    public string Why { get; private set; } = "";

    public void Add(string why, long count = 1)
    {
        Count += count;
        Why = Why.Length == 0 && count > 0 ? why : Why;
    }
}
