using FleetVibe.Agent.Sources;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Accumulating;

/// <summary>
/// Folds what sources report into open windows, and hands over for one spool transaction whatever changed. It reads no
/// clock and does no I/O. Not thread safe.
/// </summary>
internal sealed partial class AccumulatorState
{
    /// <summary>A scrape delta wider than this stands in the window of its end, and is counted as wide.</summary>
    internal static readonly TimeSpan WidestSpan = TimeSpan.FromSeconds(1.5 * WindowClock.BaseSeconds);

    private AgentSettings _settings;
    private Dictionary<string, SourceSettings> _sources;
    private readonly SortedDictionary<long, WindowPart> _open = [];
    private readonly Dictionary<string, byte[]> _checkpoints = [];
    private readonly Dictionary<string, byte[]> _pendingCheckpoints = [];
    private readonly HashSet<long> _loaded = [];
    private Dictionary<string, bool> _counts;
    private readonly HashSet<ShareKey> _requestSuppliers = [];
    private long _openRequests;
    private long _seen;
    private long _wide;
    private long _otherVariants;
    private int _folded;

    /// <param name="startedAt">By this node's clock.</param>
    /// <param name="clockOffset">The correction that held when the spool was written last: an aggregator may not answer for longer than records wait for it.</param>
    internal AccumulatorState(
        AgentSettings settings, DateTimeOffset startedAt, IEnumerable<WindowPart> open, IReadOnlyDictionary<string, byte[]> checkpoints,
        TimeSpan clockOffset = default)
    {
        _settings = settings;
        _sources = settings.Sources.ToDictionary(source => source.Key, StringComparer.Ordinal);
        Series = new KnownSeries(settings.Sources, settings.MaxSeries);
        _counts = CountingRanks.Decide(settings.Sources).ToDictionary(decision => decision.Source.Key, decision => decision.Counts);
        _startedAt = startedAt;
        _lastTransaction = startedAt;
        ClockOffset = clockOffset;
        _nextLive = WindowClock.StartOf(Corrected(startedAt));
        foreach (var part in open)
        {
            _open.Add(part.Start, part);
            _loaded.Add(part.Start);
            _openRequests += part.CountedRequests;
            foreach (var target in part.Targets.Values)
            {
                _lastSuccess[target.Source] = Math.Max(_lastSuccess.GetValueOrDefault(target.Source), target.LastSuccessUnixMs);
            }
        }

        foreach (var (key, checkpoint) in checkpoints)
        {
            _checkpoints[key] = checkpoint;
        }
    }

    internal KnownSeries Series { get; }

    /// <summary>Requests in open windows, of sources that count.</summary>
    internal long OpenRequests => _openRequests;

    /// <summary>Whether a log named more variants than it may since the start.</summary>
    internal bool HasOtherVariants { get; private set; }

    /// <summary>What is added to this node's clock, and to log lines that follow it.</summary>
    internal TimeSpan ClockOffset { get; private set; }

    /// <summary>Rises with every fold, for those who only want to look when there is something new.</summary>
    internal long Version { get; private set; }

    internal byte[]? CheckpointOf(string sourceKey) => _checkpoints.GetValueOrDefault(sourceKey);

    /// <summary>Folds one report. One of a source that is not configured is ignored.</summary>
    internal void Fold(SourceReport report, DateTimeOffset now)
    {
        if (!_sources.TryGetValue(report.SourceKey, out var source))
        {
            return;
        }

        var today = Corrected(now);
        foreach (var request in report.Requests)
        {
            FoldRequest(source, request, today);
        }

        foreach (var delta in report.Deltas)
        {
            FoldDelta(source, delta, today);
        }

        foreach (var gauges in report.Gauges)
        {
            FoldGauges(source, gauges, today);
        }

        foreach (var sample in report.Gpus)
        {
            var part = Open(Corrected(sample.At), today);
            if (!part.Gpus.TryGetValue((source.Key, sample.Gpu), out var gpu))
            {
                part.Gpus.Add((source.Key, sample.Gpu), gpu = GpuFolding.Begin(source.Key, sample));
            }

            GpuFolding.Add(gpu, sample);
        }

        if (report.Status is { } status)
        {
            FoldStatus(source, source.Key, source.Target, status, today);
        }

        foreach (var collector in report.Collectors)
        {
            FoldStatus(source, $"{source.Key}/{collector.Name}", collector.Name, collector.Status, today);
        }

        Observe(source, report);
        if (report.Checkpoint is { } checkpoint)
        {
            _firstSeen |= !_checkpoints.ContainsKey(source.Key);
            _checkpoints[source.Key] = checkpoint;
            _pendingCheckpoints[source.Key] = checkpoint;
        }

        _folded += report.Requests.Count;
        _onlyHere |= report.Requests.Count > 0 && !source.CanReadAgain;
        _isAwaited |= report.TellWhenStored;
        Version++;
    }

    private void FoldRequest(SourceSettings source, in RequestObservation request, DateTimeOffset today)
    {
        var placement = Series.Place(source, request.Series, today);
        if (placement.Capped && !placement.Counts)
        {
            return;
        }

        var at = request.ExternalClock ? request.CompletedAt : Corrected(request.CompletedAt);
        var share = ShareOf(Open(at, today), placement);
        share.SuppliesRequests = true;
        if (request.TtftSeconds is { } ttft)
        {
            share.Totals.Ttft.Record(ttft);
        }

        if (!placement.Counts)
        {
            return;
        }

        Supersede(source, request.Series);
        var totals = share.Totals;
        totals.Requests++;
        totals.Errors += request.Outcome == RequestOutcome.Error ? 1 : 0;
        totals.LengthLimited += request.Outcome == RequestOutcome.LengthLimited ? 1 : 0;
        totals.InputTokens += Math.Max(0, request.InputTokens);
        totals.OutputTokens += Math.Max(0, request.OutputTokens);
        if (request.DurationSeconds is { } duration)
        {
            totals.ResponseTime.Record(duration);
        }

        _seen++;
        _openRequests++;
        if (placement.Key.Series.Variant != request.Series.Variant && !placement.Capped)
        {
            _otherVariants++;
            HasOtherVariants = true;
        }
    }

    private void FoldDelta(SourceSettings source, CounterDelta delta, DateTimeOffset today)
    {
        var placement = Series.Place(source, delta.Series, today);
        if (placement.Capped && !placement.Counts)
        {
            return;
        }

        var span = delta.To - delta.From;
        var wide = span > WidestSpan;
        var share = ShareOf(Open(Corrected(wide ? delta.To : delta.From + (span / 2)), today), placement);
        if (!placement.Counts || WasCountedByAnother(placement.Key, delta))
        {
            if (share.GivesTtft == placement.GivesTtft)
            {
                share.Totals.Ttft.Merge(delta.Totals.Ttft);
            }

            return;
        }

        if (delta.Totals.Requests > 0)
        {
            Supersede(source, delta.Series);
        }

        if (delta.Totals.Requests > 0 || source.HasRequests)
        {
            _requestSuppliers.Add(placement.Key);
        }

        share.SuppliesRequests |= _requestSuppliers.Contains(placement.Key);
        share.Totals.Merge(delta.Totals);
        _seen += delta.Totals.Requests;
        _openRequests += delta.Totals.Requests;
        if (wide)
        {
            share.Totals.WideRequests += delta.Totals.Requests;
            _wide += delta.Totals.Requests;
        }
    }

    private void FoldGauges(SourceSettings source, ModelGauges gauges, DateTimeOffset today)
    {
        var placement = Series.Place(source, gauges.Series, today);
        if (placement.Capped)
        {
            return;
        }

        var stored = ShareOf(Open(Corrected(gauges.At), today), placement).Gauges;
        if (gauges.Running is { } running)
        {
            stored.Running = running;
        }

        if (gauges.Waiting is { } waiting)
        {
            stored.Waiting = waiting;
        }

        if (gauges.KvCachePercent is { } cache)
        {
            stored.KvCachePercent = cache;
        }

        if (gauges.ResponseTimeMs is { } mean)
        {
            stored.ResponseTimeMs = mean;
        }

        if (gauges.GpuUtilPercent is { } utilisation)
        {
            stored.GpuUtilPercent = utilisation;
        }

        if (gauges.InterTokenMs is { } interToken)
        {
            stored.InterTokenMs = interToken;
        }
    }

    // A collection belongs to the window in which it began: one that ran into its timeout ends in the next.
    private void FoldStatus(SourceSettings source, string key, string name, CollectionStatus status, DateTimeOffset today)
    {
        var at = Corrected(status.At);
        var target = TargetFolding.From(source.Kind, key, name, status, at, _lastSuccess.GetValueOrDefault(key));
        _lastSuccess[key] = target.LastSuccessUnixMs;
        var targets = Open(at - status.Duration, today).Targets;
        targets[key] = targets.TryGetValue(key, out var earlier) ? TargetFolding.Merge(earlier, target) : target;
    }

    private static SeriesShare ShareOf(WindowPart part, Placement placement)
    {
        if (!part.Series.TryGetValue(placement.Key, out var share))
        {
            share = new SeriesShare(placement.Counts, placement.GivesTtft, placement.Rank);
            part.Series.Add(placement.Key, share);
        }

        share.TakeRole(placement);
        return share;
    }

    private WindowPart Open(DateTimeOffset at, DateTimeOffset today)
    {
        var start = WindowClock.StartOf(at);
        if (!_open.TryGetValue(start, out var part))
        {
            _open.Add(start, part = new WindowPart(start));
        }

        part.IsDirty = true;
        _closableFolded |= IsClosable(start, today);
        return part;
    }

    private DateTimeOffset Corrected(DateTimeOffset local) => local + ClockOffset;
}
