using FleetVibe.Agent.Sources;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using Wire = FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Accumulating;

/// <summary>What sources and GPUs look like now, for heartbeats. Nothing here is counted.</summary>
internal sealed partial class AccumulatorState
{
    private readonly Dictionary<string, CollectionStatus> _lastStatus = [];
    private readonly Dictionary<string, long> _lastSuccess = [];
    private readonly Dictionary<string, IReadOnlyList<ModelGauges>> _lastGauges = [];
    private readonly SortedDictionary<string, GpuSample> _lastGpus = new(StringComparer.Ordinal);

    /// <summary>The heartbeat's body; ledger and time are for others to fill in.</summary>
    internal Wire.Heartbeat Describe(DateTimeOffset now)
    {
        var heartbeat = new Wire.Heartbeat();
        heartbeat.Sources.Add(_settings.Sources.Select(DescribeSource));
        var declared = Series.Declared(Corrected(now)).Select(placement => placement.Key.Series).Distinct().ToList();
        heartbeat.Series.Add(declared.Select(TotalsMapper.ToWire));
        heartbeat.Withdrawn.Add(Withdrawn(declared, now).Select(TotalsMapper.ToWire));
        foreach (var part in _open.Values.TakeLast(2))
        {
            foreach (var (series, totals) in Contributions.Of(part))
            {
                heartbeat.Open.Add(new Wire.OpenWindow { WindowStart = part.Start, Series = TotalsMapper.ToWire(series), Totals = TotalsMapper.ToWire(totals) });
            }
        }

        heartbeat.Gpus.Add(_lastGpus.Values.Where(sample => now - sample.At < TimeSpan.FromMinutes(1)).Select(DescribeGpu));
        return heartbeat;
    }

    private bool IsUp(string source) => _lastStatus.TryGetValue(source, out var status) && status.IsUp;

    private void Observe(SourceSettings source, SourceReport report)
    {
        if (report.Status is { } status)
        {
            _lastStatus[source.Key] = status;
        }

        if (report.Gauges.Count > 0)
        {
            // A log may bring several moments of one series.
            _lastGauges[source.Key] = [.. report.Gauges.GroupBy(gauges => gauges.Series).Select(group => group.Last())];
        }

        foreach (var sample in report.Gpus)
        {
            _lastGpus[sample.Gpu] = sample;
        }
    }

    private Wire.SourceState DescribeSource(SourceSettings source)
    {
        var state = new Wire.SourceState
        {
            Target = source.Target,
            Kind = source.Kind,
            ErrorClass = TargetFolding.NoError,
            LastSuccessUnixMs = _lastSuccess.GetValueOrDefault(source.Key),
            Counts = _counts[source.Key],
        };
        if (_lastStatus.TryGetValue(source.Key, out var status))
        {
            state.Up = status.IsUp;
            state.ErrorClass = status.Error is { } error ? TargetFolding.NameOf(error) : TargetFolding.NoError;
            state.ErrorText = status.ErrorText;
        }

        if (_lastGauges.TryGetValue(source.Key, out var gauges) && state.Up)
        {
            if (gauges.Any(gauge => gauge.Running is not null))
            {
                state.Running = gauges.Sum(gauge => gauge.Running ?? 0);
            }

            if (gauges.Any(gauge => gauge.Waiting is not null))
            {
                state.Waiting = gauges.Sum(gauge => gauge.Waiting ?? 0);
            }

            if (gauges.Max(gauge => gauge.KvCachePercent) is { } cache)
            {
                state.KvCachePercent = cache;
            }
        }

        return state;
    }

    private static Wire.GpuState DescribeGpu(GpuSample sample)
    {
        var state = new Wire.GpuState { Gpu = sample.Gpu, Index = sample.Index, Name = sample.Name };
        if (sample.GpuUtilPercent is { } utilisation)
        {
            state.GpuUtilPercent = utilisation;
        }

        if (sample.MemoryUsedBytes is { } used)
        {
            state.MemoryUsedBytes = used;
        }

        if (sample.MemoryTotalBytes is { } total)
        {
            state.MemoryTotalBytes = total;
        }

        if (sample.TemperatureC is { } temperature)
        {
            state.TemperatureC = temperature;
        }

        if (sample.PowerW is { } power)
        {
            state.PowerW = power;
        }

        return state;
    }
}
