using FleetVibe.Agent.Sources;

namespace FleetVibe.Agent.Changing;

/// <summary>
/// What to do so that another set of sources is read: a source whose key stays and whose settings mean the same is not
/// touched. One whose settings changed stands in both lists.
/// </summary>
internal sealed record SourcePlan(IReadOnlyList<SourceSettings> Stop, IReadOnlyList<SourceSettings> Start, IReadOnlyList<SourceSettings> Keep)
{
    internal bool IsEmpty => Stop.Count == 0 && Start.Count == 0;

    internal static SourcePlan Between(IReadOnlyList<SourceSettings> running, IReadOnlyList<SourceSettings> wanted)
    {
        var now = running.ToDictionary(source => source.Key, StringComparer.Ordinal);
        var kept = wanted.Where(source => now.TryGetValue(source.Key, out var same) && SettingsEquality.Same(source, same)).ToList();
        var keys = kept.Select(source => source.Key).ToHashSet(StringComparer.Ordinal);
        return new SourcePlan(
            [.. running.Where(source => !keys.Contains(source.Key))],
            [.. wanted.Where(source => !keys.Contains(source.Key))],
            kept);
    }

    /// <summary>One line for a log: what came, went and changed; by key.</summary>
    public override string ToString()
    {
        var stopped = Stop.Select(source => source.Key).ToHashSet(StringComparer.Ordinal);
        var changed = Start.Select(source => source.Key).Where(stopped.Contains).ToList();
        var parts = new (string What, IEnumerable<string> Keys)[]
        {
            ("added", Start.Select(source => source.Key).Except(changed)),
            ("removed", stopped.Except(changed).Order(StringComparer.Ordinal)),
            ("changed", changed),
        };
        return string.Join("; ", parts.Where(part => part.Keys.Any()).Select(part => $"{part.What} {string.Join(", ", part.Keys)}"));
    }
}
