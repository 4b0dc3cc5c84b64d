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
internal sealed class NodePoints(AgentSettings settings, NodeFacts facts)
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    // The histogram's top edge: nothing is known above.
    private const double OpenMs = HistogramScale.MaxValue * 1000;

    private readonly Dictionary<string, SourceSettings> _sources =
        facts.Retired.Concat(settings.Sources).GroupBy(source => source.Key, StringComparer.Ordinal).ToDictionary(same => same.Key, same => same.Last(), StringComparer.Ordinal);

    /// <summary>The points of what a part touched, out of the whole window.</summary>
    /// <param name="before">The window as earlier points had it; null where there were none.</param>
    internal IReadOnlyList<Point> Of(WindowPart whole, WindowPart touched, WindowPart? before)
    {
        var points = new List<Point>();
        var gpus = WholeGpus(whole);
        foreach (var key in touched.Series.Keys.Order(ShareKeyOrder.Instance))
        {
            if (Model(whole.Start, key, whole, before?.Series.ContainsKey(key) == true, gpus) is { } point)
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
        AddInteger(point, "other_variants", ledger.OtherVariants);
        AddInteger(point, "node_points_skipped", ledger.NodePointsSkipped);
        AddInteger(point, "reconnects", ledger.Reconnects);
        AddInteger(point, "spool_bytes", status.UsedBytes);
        AddInteger(point, "dropped_spool_full", ledger.DroppedSpoolFull);
        AddInteger(point, "node_points_coalesced", ledger.NodePointsCoalesced);
        AddInteger(point, "records_coalesced", ledger.RecordsCoalesced);
        AddInteger(point, "config_reloads", facts.Reloads);
        AddInteger(point, "config_reloads_failed", facts.ReloadsFailed);
        AddInteger(point, "discovery_failures", facts.DiscoveryFailures);
        AddInteger(point, "outage_seconds_left", forecast.SecondsLeft(settings.SpoolMaxBytes - status.UsedBytes));
        return point;
    }

    private Point? Model(long start, ShareKey key, WindowPart whole, bool isRevision, IReadOnlyList<StoredGpu> gpus)
    {
        var share = whole.Series[key];
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
            AddLatency(point, share, isRevision);
        }

        AddQuantile(point, "ttft_p50", share.Totals.Ttft, 500, isRevision);
        AddQuantile(point, "ttft_p95", share.Totals.Ttft, 950, isRevision);
        var gauges = share.Gauges;
        AddInteger(point, "running", gauges.HasRunning ? gauges.Running : null);
        AddInteger(point, "waiting", gauges.HasWaiting ? gauges.Waiting : null);
        AddFloat(point, "kv_cache_percent", gauges.HasKvCachePercent ? gauges.KvCachePercent : null);
        AddFloat(point, "inter_token_ms", gauges.HasInterTokenMs ? gauges.InterTokenMs : null);
        if (share.Counts)
        {
            AddFloat(point, "gpu_util_percent", GpuUtilisation(source, gauges, gpus));
            AddFloat(point, "joules_per_output_token", TokenEnergy.JoulesPerOutputToken(key.Source, whole, gpus, _sources));
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

        // A summary may have them without a number of requests.
        if (share.SuppliesRequests || share.Rank == SourceRank.Summary)
        {
            AddInteger(point, "errors", totals.Errors);
        }

        if (share.SuppliesRequests && share.Rank != SourceRank.Summary)
        {
            AddInteger(point, "length_limited", totals.LengthLimited);
        }

        if (share.SuppliesRequests && share.Rank == SourceRank.Engine)
        {
            AddInteger(point, "overflow", totals.ResponseTime.Overflow);
        }

        AddInteger(point, "input_tokens", totals.InputTokens);
        AddInteger(point, "output_tokens", totals.OutputTokens);
        AddFloat(point, "output_tokens_per_second", (double)totals.OutputTokens / WindowClock.BaseSeconds);
    }

    private void AddLatency(Point point, SeriesShare share, bool isRevision)
    {
        var times = share.Totals.ResponseTime;
        AddFloat(point, "response_time_ms", times.Mean * 1000 ?? (share.Gauges.HasResponseTimeMs ? share.Gauges.ResponseTimeMs : null));
        AddQuantile(point, "response_time_p50", times, 500, isRevision);
        AddQuantile(point, "response_time_p95", times, 950, isRevision);
        AddQuantile(point, "response_time_p99", times, 990, isRevision);
    }

    // A summary's own value is a guess of the script beside what the driver says, so it counts only where no GPU is read.
    private double? GpuUtilisation(SourceSettings? source, StoredGauges gauges, IReadOnlyList<StoredGpu> gpus)
    {
        var means = GpuMapping.Of(source, gpus)
            .Where(gpu => gpu.GpuUtilCount > 0)
            .Select(gpu => gpu.GpuUtilSum / gpu.GpuUtilCount)
            .ToList();
        if (means.Count > 0)
        {
            return means.Average();
        }

        return gauges.HasGpuUtilPercent && !settings.Sources.Any(other => other is IGpuSource)
            ? gauges.GpuUtilPercent
            : null;
    }

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
            AddBoolean(point, "throttled", gpu.Throttled);
            AddText(point, "throttle_reasons", gpu.ThrottleReasons.Count == 0 ? "none" : string.Join(',', gpu.ThrottleReasons.Order(StringComparer.Ordinal)));
        }

        AddInteger(point, "ecc_uncorrected", gpu.HasEccUncorrected ? gpu.EccUncorrected : null);
        AddInteger(point, "ecc_corrected", gpu.HasEccCorrected ? gpu.EccCorrected : null);
        AddInteger(point, "remapped_rows", gpu.HasRemappedRows ? gpu.RemappedRows : null);
        AddBoolean(point, "remap_pending", gpu.HasRemapPending ? gpu.RemapPending : null);
        AddBoolean(point, "remap_failed", gpu.HasRemapFailed ? gpu.RemapFailed : null);
        AddInteger(point, "xid_last", gpu.HasXidLast ? gpu.XidLast : null);
        AddInteger(point, "foreign_processes", gpu.HasForeignProcesses ? gpu.ForeignProcesses : null);
        AddInteger(point, "foreign_memory_bytes", gpu.HasForeignMemoryBytes ? gpu.ForeignMemoryBytes : null);
        return point;
    }

    private Point Target(long start, StoredTarget target)
    {
        var point = Begin("vibe_target", start, ("target", target.Target), ("kind", target.Kind));
        AddBoolean(point, "up", target.Up);
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

    // Where a fleet's point says them, this one leaves the bounds out; where there is no fleet, nobody else would say them.
    private void AddQuantile(Point point, string name, Distribution values, int permille, bool isRevision)
    {
        if (values.Quantile(permille) is not { } quantile)
        {
            return;
        }

        AddFloat(point, name + "_ms", quantile.Estimate * 1000);
        if (settings.Outlet is not null && quantile.Low is { } low)
        {
            // An earlier revision may have had an upper bound, and InfluxDB keeps a field that a later one leaves out.
            AddFloat(point, name + "_lo_ms", low * 1000);
            AddFloat(point, name + "_hi_ms", quantile.High * 1000 ?? (isRevision ? OpenMs : null));
        }
    }

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

    private static void AddBoolean(Point point, string name, bool? value)
    {
        if (value is { } known)
        {
            point.Fields.Add(new Field { Key = name, Boolean = known });
        }
    }

    private static void AddText(Point point, string name, string value) =>
        point.Fields.Add(new Field { Key = name, Text = OneLine(value) });

    // An empty tag would vanish from the line, and with it the series' name.
    private static string OneLine(string text) => text.Length == 0 ? "unknown" : text.ReplaceLineEndings(" ");
}
