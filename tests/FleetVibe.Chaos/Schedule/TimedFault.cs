using System.Globalization;

namespace FleetVibe.Chaos.Schedule;

/// <summary>The processes that faults can choose from.</summary>
/// <param name="SmallDisks">Those whose data lies on a disk that can be filled.</param>
/// <param name="Store">The database that gateways share; null where the only gateway keeps its log itself.</param>
/// <param name="ClockIsOff">The agent whose clock is wrong for the whole campaign.</param>
internal sealed record FleetShape(
    IReadOnlyList<string> Agents, IReadOnlyList<string> Aggregators, IReadOnlyList<string> Gateways, string Telegraf, IReadOnlyList<string> SmallDisks, string? Store, string? ClockIsOff)
{
    /// <summary>Every link between two processes, as (caller, callee).</summary>
    public IEnumerable<(string From, string To)> Links =>
        Agents.SelectMany(agent => Aggregators.Select(to => (agent, to)))
            .Concat(ClusterLinks)
            .Concat(Aggregators.SelectMany(from => Gateways.Select(to => (from, to))))
            .Concat(Gateways.Select(from => (from, Telegraf)));

    /// <summary>Links between two aggregators.</summary>
    public IEnumerable<(string From, string To)> ClusterLinks =>
        Aggregators.SelectMany(from => Aggregators.Where(to => string.CompareOrdinal(from, to) < 0).Select(to => (from, to)));
}

/// <summary>One fault of a schedule.</summary>
/// <param name="At">Since the end of the warm-up.</param>
/// <param name="Target">A process, or "one>other" for a link.</param>
/// <param name="Duration">Until it is healed; for a killed process, until it is started again.</param>
/// <param name="DelayMs">Of a <see cref="FaultKind.Delay"/>; else 0.</param>
internal sealed record TimedFault(int Number, TimeSpan At, FaultKind Kind, string Target, TimeSpan Duration, int DelayMs)
{
    public TimeSpan End => At + Duration;

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Number,4}  +{At.TotalSeconds,6:0.0} s  {Kind.Name(),-18} {Target,-20} {Duration.TotalSeconds,5:0.0} s{(DelayMs > 0 ? $"  {DelayMs} ms" : "")}");
}
