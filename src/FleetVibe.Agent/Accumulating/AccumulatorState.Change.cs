using FleetVibe.Agent.Changing;
using FleetVibe.Agent.Sources;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Accumulating;

/// <summary>What becomes of open windows, checkpoints and roles when other sources are read than before.</summary>
internal sealed partial class AccumulatorState
{
    // Enough for every pod that comes and goes while windows are kept; beyond it a point loses its GPUs, no more.
    private const int MostRetired = 256;

    // Several heartbeats; where all of them are lost, the fleet stops waiting by itself.
    private static readonly TimeSpan WithdrawnFor = TimeSpan.FromMinutes(2);

    private readonly List<SourceSettings> _retired = [];
    private readonly Dictionary<SeriesId, DateTimeOffset> _withdrawn = [];
    private readonly Dictionary<ShareKey, DateTimeOffset> _countsSince = [];
    private readonly HashSet<string> _superseded = new(StringComparer.Ordinal);

    /// <summary>Sources that were read before and are no more, the latest last: windows still hold what they brought.</summary>
    internal IReadOnlyList<SourceSettings> Retired => [.. _retired];

    /// <summary>Whether a source's checkpoint is being given up: until that is stored, it must not start.</summary>
    internal bool IsSuperseding(string sourceKey) => _superseded.Contains(sourceKey);

    /// <summary>
    /// Goes over to other settings: sources that are gone have told all that they had. What they brought stays in its
    /// windows; their checkpoints stay too, until another source counts what they could have.
    /// </summary>
    internal void Change(AgentSettings settings, DateTimeOffset now)
    {
        var gone = _settings.Sources.Where(source => settings.Sources.All(other => other.Key != source.Key)).ToList();
        var declared = Series.Declared(Corrected(now)).Select(placement => placement.Key.Series).ToHashSet();
        FillIdle(gone.Select(source => source.Key).ToHashSet(StringComparer.Ordinal), Corrected(now));
        foreach (var source in gone)
        {
            _lastStatus.Remove(source.Key);
            _lastGauges.Remove(source.Key);
            _lastSuccess.Remove(source.Key);
        }

        _retired.RemoveAll(source => gone.Exists(other => other.Key == source.Key) || settings.Sources.Any(other => other.Key == source.Key));
        _retired.AddRange(gone);
        _retired.RemoveRange(0, Math.Max(0, _retired.Count - MostRetired));
        _settings = settings;
        _sources = settings.Sources.ToDictionary(source => source.Key, StringComparer.Ordinal);
        _counts = CountingRanks.Decide(settings.Sources).ToDictionary(decision => decision.Source.Key, decision => decision.Counts);
        foreach (var begun in Series.Change(settings.Sources, settings.MaxSeries))
        {
            _countsSince[begun] = now;
        }

        declared.ExceptWith(Series.Declared(Corrected(now)).Select(placement => placement.Key.Series));
        foreach (var series in declared)
        {
            _withdrawn[series] = now;
        }

        Version++;
    }

    /// <summary>Series that were taken out on purpose in the last minutes.</summary>
    private List<SeriesId> Withdrawn(IReadOnlyCollection<SeriesId> declared, DateTimeOffset now)
    {
        foreach (var old in _withdrawn.Where(entry => now - entry.Value > WithdrawnFor || declared.Contains(entry.Key)).Select(entry => entry.Key).ToList())
        {
            _withdrawn.Remove(old);
        }

        return [.. _withdrawn.Keys];
    }

    // Read again, they must not go on from where they were: a request of the time between may be among those counted here.
    private void Supersede(SourceSettings by, SeriesId series)
    {
        foreach (var source in _retired.Where(source => _checkpoints.ContainsKey(source.Key) && HandOver.IsSuperseded(source, by, series)))
        {
            _checkpoints.Remove(source.Key);
            _pendingCheckpoints.Remove(source.Key);
            _superseded.Add(source.Key);
        }
    }

    // The windows that are still open saw them up: without these zeros the fleet would wait for them in vain.
    private void FillIdle(HashSet<string> gone, DateTimeOffset today)
    {
        var declared = Series.Declared(today).Where(placement => gone.Contains(placement.Key.Source)).ToList();
        for (var start = _nextLive; declared.Count > 0 && start <= WindowClock.StartOf(today); start += WindowClock.BaseSeconds)
        {
            foreach (var placement in declared)
            {
                var source = placement.Key.Source;
                var up = _open.TryGetValue(start, out var part) && part.Targets.TryGetValue(source, out var target) ? target.Up : IsUp(source);
                if (up)
                {
                    ShareOf(Open(DateTimeOffset.FromUnixTimeSeconds(start), today), placement).SuppliesRequests |= placement.HasRequests;
                }
            }
        }
    }

    private bool WasCountedByAnother(ShareKey key, CounterDelta delta)
    {
        if (!_countsSince.TryGetValue(key, out var since))
        {
            return false;
        }

        if (delta.From >= since)
        {
            _countsSince.Remove(key);
            return false;
        }

        return true;
    }
}
