using FleetVibe.Agent.Sources;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Accumulating;

/// <summary>How a source's reports of one series are folded.</summary>
/// <param name="Key">Whose share it is; the series may be <c>other</c>.</param>
/// <param name="Capped">The series stands in <c>other</c> because the cap turned it away.</param>
internal sealed record Placement(ShareKey Key, SourceRank Rank, bool Counts, bool GivesTtft, bool Capped)
{
    /// <summary>See <see cref="SourceSettings.HasRequests"/>.</summary>
    public required bool HasRequests { get; init; }
}

/// <summary>
/// The series that this node names: the configured ones, and those that its sources brought within an hour, up to a
/// cap. Further ones go into <c>other</c>, as far as they count. The variants that one log names have a limit of their own.
/// Not thread safe.
/// </summary>
internal sealed class KnownSeries
{
    /// <summary>How long a series that only its source names is declared to the fleet after it was last fed.</summary>
    internal static readonly TimeSpan DeclaredFor = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan ForgottenAfter = TimeSpan.FromHours(1);
    private static readonly SeriesId OtherSeries = new(SeriesId.Other, SeriesId.Other);

    private IReadOnlyList<SourceSettings> _sources;
    private int _max;
    private readonly Dictionary<(string Source, SeriesId Series), Placement> _placements = [];
    private readonly Dictionary<ShareKey, DateTimeOffset> _fed = [];
    private readonly Dictionary<(string Source, string Variant), DateTimeOffset> _variants = [];
    private HashSet<SeriesId> _configured;
    private HashSet<SeriesId> _named;

    internal KnownSeries(IReadOnlyList<SourceSettings> sources, int max)
    {
        _sources = sources;
        _max = max;
        _configured = [.. sources.Select(SeriesPattern.ConfiguredSeries).OfType<SeriesId>()];
        _named = [.. _configured];
    }

    /// <summary>Observations that the cap moved into <c>other</c>.</summary>
    internal long Capped { get; private set; }

    internal Placement Place(SourceSettings source, SeriesId series, DateTimeOffset now)
    {
        series = Limited(source, series, now);
        if (!_placements.TryGetValue((source.Key, series), out var placement))
        {
            placement = Decide(source, series);

            // What is capped is not remembered: there is no end to it.
            if (!placement.Capped)
            {
                _placements.Add((source.Key, series), placement);
            }
        }

        _fed[placement.Key] = now;
        if (placement.Capped)
        {
            Capped++;
        }

        return placement;
    }

    /// <summary>Counting sources with each series that they are declared to feed, in order of configuration.</summary>
    internal IReadOnlyList<Placement> Declared(DateTimeOffset now)
    {
        var declared = new List<Placement>();
        foreach (var source in _sources)
        {
            if (SeriesPattern.ConfiguredSeries(source) is { } configured && CountingRanks.Counts(_sources, source, configured))
            {
                declared.Add(new Placement(
                    new ShareKey(source.Key, configured), source.Rank, true, CountingRanks.GivesTtft(_sources, source, configured), false)
                {
                    HasRequests = source.HasRequests,
                });
            }
        }

        var keys = declared.Select(placement => placement.Key).ToHashSet();
        foreach (var placement in _placements.Values.Where(placement => placement.Counts).OrderBy(placement => placement.Key, ShareKeyOrder.Instance))
        {
            if (_fed.TryGetValue(placement.Key, out var fed) && now - fed <= DeclaredFor && keys.Add(placement.Key))
            {
                declared.Add(placement);
            }
        }

        return declared;
    }

    /// <summary>
    /// Goes over to other sources. What the ones that stay have named keeps its place; who counts is decided anew.
    /// </summary>
    /// <returns>Shares that begin to count.</returns>
    internal IReadOnlyList<ShareKey> Change(IReadOnlyList<SourceSettings> sources, int max)
    {
        var settings = sources.ToDictionary(source => source.Key, StringComparer.Ordinal);
        var before = _placements.ToList();
        (_sources, _max) = (sources, max);
        _placements.Clear();
        foreach (var key in _fed.Keys.Where(key => !settings.ContainsKey(key.Source)).ToList())
        {
            _fed.Remove(key);
        }

        _configured = [.. sources.Select(SeriesPattern.ConfiguredSeries).OfType<SeriesId>()];
        _named = [.. _configured];
        var begun = new List<ShareKey>();
        foreach (var (key, old) in before)
        {
            if (settings.TryGetValue(key.Source, out var source) && Decide(source, key.Series) is { Capped: false } placement)
            {
                _placements.Add(key, placement);
                if (placement.Counts && !old.Counts)
                {
                    begun.Add(placement.Key);
                }
            }
        }

        return begun;
    }

    /// <summary>Forgets series that were not fed for an hour, which frees their places.</summary>
    internal void Forget(DateTimeOffset now)
    {
        foreach (var key in _fed.Where(entry => now - entry.Value > ForgottenAfter).Select(entry => entry.Key).ToList())
        {
            _fed.Remove(key);
        }

        foreach (var variant in _variants.Where(entry => now - entry.Value > ForgottenAfter).Select(entry => entry.Key).ToList())
        {
            _variants.Remove(variant);
        }

        var live = _fed.Keys.ToHashSet();
        foreach (var entry in _placements.Where(entry => !live.Contains(entry.Value.Key)).ToList())
        {
            _placements.Remove(entry.Key);
        }

        _named.RemoveWhere(series => !_configured.Contains(series) && !live.Any(key => key.Series == series));
    }

    /// <summary>The series itself, or that of the other variants where its source named as many as it may.</summary>
    private SeriesId Limited(SourceSettings source, SeriesId series, DateTimeOffset now)
    {
        if (series.Variant.Length == 0 || series.Variant == SeriesId.Other || source is not JsonLogSourceSettings { Variant: null } log)
        {
            return series;
        }

        var key = (source.Key, series.Variant);
        if (_variants.ContainsKey(key) || _variants.Keys.Count(known => known.Source == source.Key) < log.VariantLimit)
        {
            _variants[key] = now;
            return series;
        }

        return series with { Variant = SeriesId.Other };
    }

    private Placement Decide(SourceSettings source, SeriesId series)
    {
        var counts = CountingRanks.Counts(_sources, source, series);
        if (_named.Contains(series) || _named.Count < _max)
        {
            _named.Add(series);
            return new Placement(new ShareKey(source.Key, series), source.Rank, counts, CountingRanks.GivesTtft(_sources, source, series), false)
            {
                HasRequests = source.HasRequests,
            };
        }

        // What does not count would only blur the gauges of `other`.
        return new Placement(new ShareKey(source.Key, OtherSeries), source.Rank, counts, counts, true) { HasRequests = source.HasRequests };
    }
}
