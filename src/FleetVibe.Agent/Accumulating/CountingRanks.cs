using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Accumulating;

/// <summary>Whether one source counts requests, and why. What <c>check</c> prints.</summary>
/// <param name="Source">As configured.</param>
/// <param name="Counts">Its requests, errors, tokens and latencies enter the fleet's numbers.</param>
/// <param name="GivesTtft">Its time to first token enters the fleet's numbers.</param>
/// <param name="Reason">One line for a user.</param>
public sealed record CountingDecision(SourceSettings Source, bool Counts, bool GivesTtft, string Reason);

/// <summary>
/// Who counts, so that one engine seen by two sources does not count twice. The rule is static: it knows the
/// configuration and a series' name, never a source's health. Of one series only the sources of the highest rank that
/// could feed it count; a source could feed a series unless its configured model, task or variant says otherwise, and
/// what a source leaves open is taken to be the same as what the other source names.
/// </summary>
public static class CountingRanks
{
    /// <summary>Decides for each configured source, in the order of configuration.</summary>
    public static IReadOnlyList<CountingDecision> Decide(IReadOnlyList<SourceSettings> sources) =>
        [.. sources.Select(source => Decide(sources, source))];

    /// <summary>Whether a source's requests of one series count.</summary>
    internal static bool Counts(IReadOnlyList<SourceSettings> sources, SourceSettings source, SeriesId series) =>
        source.Rank != SourceRank.None
        && (source.Counts ?? !sources.Any(other => Outranks(other, source) && SeriesPattern.Of(other).MayShare(SeriesPattern.Of(source), series)));

    /// <summary>Whether a source's time to first token of one series enters the fleet's: that of the highest rank that has one.</summary>
    internal static bool GivesTtft(IReadOnlyList<SourceSettings> sources, SourceSettings source, SeriesId series) =>
        HasTtft(source)
        && !sources.Any(other => other.Rank > source.Rank && HasTtft(other) && SeriesPattern.Of(other).MayShare(SeriesPattern.Of(source), series));

    private static CountingDecision Decide(IReadOnlyList<SourceSettings> sources, SourceSettings source)
    {
        var pattern = SeriesPattern.Of(source);
        var ttft = HasTtft(source)
            && !sources.Any(other => other.Rank > source.Rank && HasTtft(other) && SeriesPattern.Of(other).Covers(pattern));
        if (source.Rank == SourceRank.None)
        {
            return new CountingDecision(source, false, false, "it has no requests");
        }

        if (source.Counts is { } chosen)
        {
            var beside = chosen
                ? sources.FirstOrDefault(other => other != source && other.Rank != SourceRank.None && other.Counts != false && SeriesPattern.Of(other).Overlaps(pattern))
                : null;
            var warning = beside is null ? "" : $"; {beside.Key} may count the same requests";
            return new CountingDecision(source, chosen, ttft, $"counts = {(chosen ? "true" : "false")} is configured{warning}");
        }

        var above = sources.Where(other => Outranks(other, source) && SeriesPattern.Of(other).Overlaps(pattern)).ToList();
        if (above.FirstOrDefault(other => SeriesPattern.Of(other).Covers(pattern)) is { } covering)
        {
            return new CountingDecision(
                source, false, ttft, $"{covering.Key} ranks higher and may see the same requests{Rest(source)}");
        }

        return above.Count == 0
            ? new CountingDecision(source, true, ttft, $"no source of a higher rank feeds {pattern}{Twin(sources, source)}")
            : new CountingDecision(
                source, true, ttft, $"except where {string.Join("; ", above.Select(other => $"{other.Key} counts {SeriesPattern.Of(other)}"))}");
    }

    // A log is often that of the engine behind a proxy, but may be another's; only the user knows.
    private static string Twin(IReadOnlyList<SourceSettings> sources, SourceSettings source) =>
        sources.FirstOrDefault(other => other != source && other.Rank == source.Rank && other.Counts != false
            && other is ProxySourceSettings != source is ProxySourceSettings && SeriesPattern.Of(other).Overlaps(SeriesPattern.Of(source))) is { } twin
            ? $"; if {twin.Key} sees the same requests, each counts twice: set counts = false for one"
            : "";

    private static string Rest(SourceSettings source) =>
        source.Rank == SourceRank.Engine ? "; it gives running, waiting, KV cache and TTFT" : "; it gives its own gauges";

    private static bool Outranks(SourceSettings other, SourceSettings source) => other.Rank > source.Rank && other.Counts != false;

    private static bool HasTtft(SourceSettings source) => source switch
    {
        JsonLogSourceSettings log => log.AllFields is { Ttft: not null } or { FirstToken: not null },
        ProxySourceSettings => true,
        EngineSourceSettings engine => Sources.Engines.EngineKinds.HasTtft(engine),
        Sources.Exec.ExecSourceSettings exec => exec.HasTtft,
        Sources.Push.PushSourceSettings => true,
        _ => false,
    };
}
