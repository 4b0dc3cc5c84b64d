using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using FleetVibe.Agent.Spool.V1;
using FleetVibe.Metrics.Histograms;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;
using Distribution = FleetVibe.Metrics.Histograms.Distribution;

namespace FleetVibe.Agent.Points;

/// <summary>
/// This node's points of one window: the whole window, never a part. Names and types are frozen; a field that a source
/// does not supply is absent, never zero.
/// </summary>
internal sealed class NodePoints(AgentSettings settings)
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    private readonly Dictionary<string, SourceSettings> _sources = settings.Sources.ToDictionary(source => source.Key, StringComparer.Ordinal);

    /// <summary>The points of what a part touched, out of the whole window.</summary>
    internal IReadOnlyList<Point> Of(WindowPart whole, WindowPart touched)
    {
        var points = new List<Point>();
        var gpus = WholeGpus(whole);
        foreach (var key in touched.Series.Keys.Order(ShareKeyOrder.Instance))
        {
            if (Model(whole.Start, key, whole.Series[key], gpus) is { } point)
            {
                points.Add(point);
            }
        }

        points.AddRange(gpus
            .Where(gpu => touched.Gpus.Keys.Any(key => key.Gpu == gpu.Gpu))
            .Select(gpu => Gpu(whole.Start, gpu)));
        points.AddRange(touched.Targets.Keys.Order(StringComparer.Ordinal).Select(key => Target(whole.Start, whole.Targets[key])));
        return points;
    }

    /// <summary>The agent's own ledger, at the start of a live window.</summary>
    internal Point Self(long start, SpoolStatus status, OutageForecast forecast)
    {
        var ledger = status.Ledger;
        var point = Begin("vibe_fleetvibe", start, ("role", "agent"));
        AddInteger(point, "seen", ledger.Seen);
        AddInteger(point, "open", ledger.Open);
        AddInteger(point, "spooled", ledger.Spooled);
        AddInteger(point, "acked_committed", ledger.AckedCommitted);
        AddInteger(point, "acked_late", ledger.AckedLate);
        AddInteger(point, "acked_future", ledger.AckedFuture);
        AddInteger(point, "acked_undecodable", ledger.AckedUndecodable);
        AddInteger(point, "duplicates", ledger.Duplicates);
        AddInteger(point, "wide_requests", ledger.WideRequests);
        AddInteger(point, "node_points_skipped", ledger.NodePointsSkipped);
        AddInteger(point, "reconnects", ledger.Reconnects);
        AddInteger(point, "spool_bytes", status.UsedBytes);
        AddInteger(point, "dropped_spool_full", ledger.DroppedSpoolFull);
        AddInteger(point, "node_points_coalesced", ledger.NodePointsCoalesced);
        AddInteger(point, "records_coalesced", ledger.RecordsCoalesced);
        AddInteger(point, "outage_seconds_left", forecast.SecondsLeft(settings.SpoolMaxBytes));
        return point;
    }

    private Point? Model(long start, ShareKey key, SeriesShare share, IReadOnlyList<StoredGpu> gpus)
    {
        var source = _sources.GetValueOrDefault(key.Source);
        var target = source?.Target ?? key.Source[(key.Source.IndexOf(':', StringComparison.Ordinal) + 1)..];
        var point = Begin("vibe_model", start, ("model", key.Series.Model), ("task", key.Series.Task), ("target", target));
        if (key.Series.Variant.Length > 0)
        {
            point.Tags.Add(new Tag { Key = "variant", Value = OneLine(key.Series.Variant) });
        }

        if (share.Counts)
        {
            AddCounts(point, share);
            AddLatency(point, share);
        }

        AddQuantile(point, "ttft_p50_ms", share.Totals.Ttft, 500);
        AddQuantile(point, "ttft_p95_ms", share.Totals.Ttft, 950);
        var gauges = share.Gauges;
        AddInteger(point, "running", gauges.HasRunning ? gauges.Running : null);
        AddInteger(point, "waiting", gauges.HasWaiting ? gauges.Waiting : null);
        AddFloat(point, "kv_cache_percent", gauges.HasKvCachePercent ? gauges.KvCachePercent : null);
        AddFloat(point, "inter_token_ms", gauges.HasInterTokenMs ? gauges.InterTokenMs : null);
        if (share.Counts)
        {
            AddFloat(point, "gpu_util_percent", GpuUtilisation(source, gauges, gpus));
        }

        return point.Fields.Count > 0 ? point : null;
    }

    private static void AddCounts(Point point, SeriesShare share)
    {
        var totals = share.Totals;
        if (share.SuppliesRequests)
        {
            AddInteger(point, "requests", totals.Requests);
        }

        AddInteger(point, "errors", totals.Errors);
        if (share.Rank != SourceRank.Summary)
        {
            AddInteger(point, "length_limited", totals.LengthLimited);
        }

        if (share.Rank == SourceRank.Engine)
        {
            AddInteger(point, "overflow", totals.ResponseTime.Overflow);
        }

        AddInteger(point, "input_tokens", totals.InputTokens);
        AddInteger(point, "output_tokens", totals.OutputTokens);
        AddFloat(point, "output_tokens_per_second", (double)totals.OutputTokens / WindowClock.BaseSeconds);
    }

    private static void AddLatency(Point point, SeriesShare share)
    {
        var times = share.Totals.ResponseTime;
        AddFloat(point, "response_time_ms", times.Mean * 1000 ?? (share.Gauges.HasResponseTimeMs ? share.Gauges.ResponseTimeMs : null));
        AddQuantile(point, "response_time_p50_ms", times, 500);
        AddQuantile(point, "response_time_p95_ms", times, 950);
        AddQuantile(point, "response_time_p99_ms", times, 990);
    }

    // A summary's own value is a guess of the script beside what the driver says, so it counts only where no GPU is read.
    private double? GpuUtilisation(SourceSettings? source, StoredGauges gauges, IReadOnlyList<StoredGpu> gpus)
    {
        var wanted = source?.Gpus ?? [];
        var means = gpus
            .Where(gpu => gpu.GpuUtilCount > 0 && (wanted.Count == 0 || wanted.Any(name => IsNamed(gpu, name))))
            .Select(gpu => gpu.GpuUtilSum / gpu.GpuUtilCount)
            .ToList();
        if (means.Count > 0)
        {
            return means.Average();
        }

        return gauges.HasGpuUtilPercent && !settings.Sources.Any(other => other is NvidiaSmiSourceSettings or DcgmSourceSettings)
            ? gauges.GpuUtilPercent
            : null;
    }

    private static bool IsNamed(StoredGpu gpu, string name) =>
        string.Equals(gpu.Gpu, name, StringComparison.OrdinalIgnoreCase) || gpu.Index.ToString(System.Globalization.CultureInfo.InvariantCulture) == name;

    // Two tools may read one GPU: one point then, named as the first configured tool names it.
    private List<StoredGpu> WholeGpus(WindowPart whole) =>
        [.. whole.Gpus.Values
            .GroupBy(gpu => gpu.Gpu, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => group
                .OrderBy(gpu => PositionOf(gpu.Source))
                .Aggregate((StoredGpu?)null, (merged, gpu) =>
                {
                    if (merged is null)
                    {
                        return gpu.Clone();
                    }

                    GpuFolding.Merge(merged, gpu);
                    return merged;
                })!)];

    private int PositionOf(string sourceKey)
    {
        for (var i = 0; i < settings.Sources.Count; i++)
        {
            if (settings.Sources[i].Key == sourceKey)
            {
                return i;
            }
        }

        return int.MaxValue;
    }

    private Point Gpu(long start, StoredGpu gpu)
    {
        var index = gpu.Index.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var point = Begin("vibe_gpu", start, ("gpu", gpu.Gpu), ("index", index), ("gpu_name", gpu.Name));
        AddMean(point, "gpu_util_percent", gpu.GpuUtilCount, gpu.GpuUtilSum);
        AddMean(point, "memory_util_percent", gpu.MemoryUtilCount, gpu.MemoryUtilSum);
        AddInteger(point, "memory_used_bytes", gpu.HasMemoryUsedMaxBytes ? gpu.MemoryUsedMaxBytes : null);
        AddInteger(point, "memory_total_bytes", gpu.HasMemoryTotalBytes ? gpu.MemoryTotalBytes : null);
        AddFloat(point, "temperature_c", gpu.HasTemperatureMaxC ? gpu.TemperatureMaxC : null);
        AddMean(point, "power_w", gpu.PowerCount, gpu.PowerSum);
        AddFloat(point, "power_limit_w", gpu.HasPowerLimitW ? gpu.PowerLimitW : null);
        AddMean(point, "sm_clock_mhz", gpu.SmClockCount, gpu.SmClockSum);
        if (gpu.HasThrottled)
        {
            point.Fields.Add(new Field { Key = "throttled", Boolean = gpu.Throttled });
                AddText(point, "throttle_reasons", gpu.ThrottleReasons.Count == 0 ? "none" : string.Join(',', gpu.ThrottleReasons.Order(StringComparer.Ordinal)));
        }

        AddInteger(point, "ecc_uncorrected", gpu.HasEccUncorrected ? gpu.EccUncorrected : null);
        AddInteger(point, "xid_last", gpu.HasXidLast ? gpu.XidLast : null);
        AddInteger(point, "foreign_processes", gpu.HasForeignProcesses ? gpu.ForeignProcesses : null);
        AddInteger(point, "foreign_memory_bytes", gpu.HasForeignMemoryBytes ? gpu.ForeignMemoryBytes : null);
        return point;
    }

    private Point Target(long start, StoredTarget target)
    {
        var point = Begin("vibe_target", start, ("target", target.Target), ("kind", target.Kind));
        point.Fields.Add(new Field { Key = "up", Boolean = target.Up });
        AddFloat(point, "scrape_duration_ms", target.ScrapeDurationMs);
        if (target.LastSuccessUnixMs > 0)
        {
            var end = WindowClock.EndOf(start).ToUnixTimeMilliseconds();
            AddFloat(point, "last_success_age_s", Math.Max(0, end - target.LastSuccessUnixMs) / 1000d);
        }

        AddText(point, "error_class", target.ErrorClass);
        AddInteger(point, "samples_skipped", (long)target.SamplesSkipped);
        AddInteger(point, "restarts", (long)target.Restarts);
        return point;
    }

    private Point Begin(string measurement, long start, params ReadOnlySpan<(string Key, string Value)> tags)
    {
        var point = new Point { Measurement = measurement, TimestampNs = start * NanosecondsPerSecond };
        point.Tags.Add(new Tag { Key = "host", Value = OneLine(settings.Node) });
        foreach (var (key, value) in tags)
        {
            point.Tags.Add(new Tag { Key = key, Value = OneLine(value) });
        }

        return point;
    }

    private static void AddMean(Point point, string name, uint count, double sum) => AddFloat(point, name, count > 0 ? sum / count : null);

    private static void AddQuantile(Point point, string name, Distribution values, int permille) =>
        AddFloat(point, name, values.Quantile(permille)?.Estimate * 1000);

    private static void AddFloat(Point point, string name, double? value)
    {
        if (value is { } known && double.IsFinite(known))
        {
            point.Fields.Add(new Field { Key = name, Float = known });
        }
    }

    private static void AddInteger(Point point, string name, long? value)
    {
        if (value is { } known)
        {
            point.Fields.Add(new Field { Key = name, Integer = known });
        }
    }

    private static void AddText(Point point, string name, string value) =>
        point.Fields.Add(new Field { Key = name, Text = OneLine(value) });

    // An empty tag would vanish from the line, and with it the series' name.
    private static string OneLine(string text) => text.Length == 0 ? "unknown" : text.ReplaceLineEndings(" ");
}
