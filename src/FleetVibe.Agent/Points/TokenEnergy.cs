using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool.V1;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Points;

/// <summary>
/// Energy per output token: what the GPUs of a source used in the window, divided by all output tokens that were counted on
/// them. GPUs do not say for whom they worked, so models on the same GPUs have the same figure, and where sources overlap
/// without being on the same GPUs there is none.
/// </summary>
internal static class TokenEnergy
{
    /// <summary>Joules; null without tokens, without a power reading of every GPU, or where the GPUs are shared in part.</summary>
    internal static double? JoulesPerOutputToken(
        string sourceKey, WindowPart whole, IReadOnlyList<StoredGpu> gpus, IReadOnlyDictionary<string, SourceSettings> sources)
    {
        var mine = BoardsOf(sourceKey);
        if (mine.Count == 0 || mine.Any(gpu => gpu.PowerCount == 0))
        {
            return null;
        }

        var tokens = 0L;
        foreach (var (key, share) in whole.Series.Where(entry => entry.Value is { Counts: true, Totals.OutputTokens: > 0 }))
        {
            var theirs = BoardsOf(key.Source);
            if (theirs.SetEquals(mine))
            {
                tokens += share.Totals.OutputTokens;
            }
            else if (theirs.Overlaps(mine))
            {
                return null;
            }
        }

        return tokens > 0 ? mine.Sum(gpu => gpu.PowerSum / gpu.PowerCount) * WindowClock.BaseSeconds / tokens : null;

        // A MIG instance is a part of its board, whose power is measured as a whole.
        HashSet<StoredGpu> BoardsOf(string source) =>
            [.. GpuMapping.Of(sources.GetValueOrDefault(source), gpus).Where(gpu => !gpu.Gpu.StartsWith("MIG-", StringComparison.Ordinal))];
    }
}
