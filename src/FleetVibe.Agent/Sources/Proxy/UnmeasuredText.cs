namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>Reasons for a person, with the cure.</summary>
internal static class UnmeasuredText
{
    public static string Of(IReadOnlyDictionary<Unmeasured, long> unmeasured) =>
        string.Join("; ", unmeasured.OrderByDescending(entry => entry.Value).ThenBy(entry => entry.Key).Select(entry => $"{entry.Value} {Explain(entry.Key)}"));

    private static string Explain(Unmeasured reason) => reason switch
    {
        Unmeasured.ModelMissing => "name no model (set model of the source)",
        Unmeasured.QueueFull => "found no room, because the spool takes nothing",
        Unmeasured.Lost => "were lost with a failed accumulator",
        Unmeasured.Faulted => "met a fault while they were measured",
        Unmeasured.Unreadable => "have a compressed or unknown answer (no tokens and no time to first token; have the client send no Accept-Encoding)",
        _ => throw new ArgumentOutOfRangeException(nameof(reason)),
    };
}
