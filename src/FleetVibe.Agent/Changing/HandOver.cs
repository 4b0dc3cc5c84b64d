using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Changing;

/// <summary>
/// What another set of sources means for who counts. Two sources of different ranks may see the same requests, so where
/// one takes over from the other no moment may be counted by both.
/// </summary>
internal static class HandOver
{
    /// <summary>The kept sources that count otherwise from now on: they are collected once more before that.</summary>
    internal static IReadOnlyList<SourceSettings> Affected(
        IReadOnlyList<SourceSettings> before, IReadOnlyList<SourceSettings> after, IReadOnlyList<SourceSettings> kept) =>
        [.. kept.Where(source => source.Rank != SourceRank.None && !Rivals(before, source).SetEquals(Rivals(after, source)))];

    /// <summary>Whether a source that counted a request of one series counted what a source that is no longer read could have.</summary>
    internal static bool IsSuperseded(SourceSettings retired, SourceSettings by, SeriesId series) =>
        MaySeeTheSame(by, retired) && SeriesPattern.Of(retired).MayShare(SeriesPattern.Of(by), series);

    // An explicit `counts` says that the requests are others.
    private static HashSet<string> Rivals(IReadOnlyList<SourceSettings> sources, SourceSettings source) =>
        [.. sources.Where(other => MaySeeTheSame(other, source)).Select(other => other.Key)];

    private static bool MaySeeTheSame(SourceSettings other, SourceSettings source) =>
        other.Rank != source.Rank
        && other.Rank != SourceRank.None
        && source.Rank != SourceRank.None
        && other.Counts is null
        && source.Counts is null
        && SeriesPattern.Of(other).Overlaps(SeriesPattern.Of(source));
}
