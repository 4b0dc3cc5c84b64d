using FleetVibe.Metrics.Histograms;
using FleetVibe.Metrics.LineProtocol;
using FleetVibe.Metrics.Windows;
using Distribution = FleetVibe.Metrics.Histograms.Distribution;

namespace FleetVibe.Gateway.Points;

/// <summary>What a vibe_fleet point says about one revision of a window.</summary>
/// <param name="Contributors">Distinct hosts in the window.</param>
/// <param name="Expected">Hosts that were expected to contribute.</param>
/// <param name="Present">Expected hosts that did contribute.</param>
/// <param name="Written">Fields that an earlier revision wrote and this one must not drop.</param>
internal sealed record FleetWindow(
    SeriesId Series, int Seconds, long Start, SeriesTotals Totals, int Contributors, int Expected, int Present,
    long Backfilled, long Revision, bool Final, FleetFields Written);

/// <summary>
/// Renders a committed window as a point of vibe_fleet. Pure: the same totals give the same line. A window without a request
/// holds only counts, coverage and the state of the commit: no percentile and no rate of nothing.
/// </summary>
internal static class FleetPoint
{
    internal const string Measurement = "vibe_fleet";

    /// <summary>Stands for "no upper limit is known" where the field cannot be left out any more: the histogram's top edge, 1e7 s, in ms.</summary>
    internal const double OpenMs = HistogramScale.MaxValue * 1000;

    internal static PointLine Render(FleetWindow window, out FleetFields written)
    {
        var fields = window.Written;
        var line = PointLine.Write(Measurement, window.Start * 1_000_000_000, writer =>
        {
            writer.Tag("host", "fleet");
            writer.Tag("model", window.Series.Model);
            writer.Tag("task", window.Series.Task);
            writer.Tag("variant", window.Series.Variant);
            writer.Tag("window", NameOf(window.Seconds));
            WriteCounts(writer, window);
            if (window.Totals.Requests > 0)
            {
                WriteRates(writer, window);
                WriteResponseTime(writer, window.Totals.ResponseTime, ref fields);
                WriteTtft(writer, window.Totals.Ttft, ref fields);
            }
        });
        written = fields;
        return line!;
    }

    /// <summary>10s, 1m, 5m, 1h.</summary>
    internal static string NameOf(int seconds) => seconds switch
    {
        < 60 => FormattableString.Invariant($"{seconds}s"),
        < 3600 => FormattableString.Invariant($"{seconds / 60}m"),
        _ => FormattableString.Invariant($"{seconds / 3600}h"),
    };

    private static void WriteCounts(LineProtocolWriter writer, FleetWindow window)
    {
        var totals = window.Totals;
        writer.Field("requests", totals.Requests);
        writer.Field("errors", totals.Errors);
        writer.Field("length_limited", totals.LengthLimited);
        writer.Field("overflow", totals.ResponseTime.Overflow);
        writer.Field("input_tokens", totals.InputTokens);
        writer.Field("output_tokens", totals.OutputTokens);
        writer.Field("contributors", (long)window.Contributors);
        writer.Field("expected", (long)window.Expected);
        writer.Field("coverage", window.Expected > 0 ? (double)window.Present / window.Expected : window.Contributors > 0 ? 1 : 0);
        writer.Field("backfilled", window.Backfilled);
        writer.Field("revision", window.Revision);
        writer.Field("final", window.Final);
        writer.Field("precision", totals.Requests == 0 ? "none" : NameOf(totals.ResponseTime.Precision));
    }

    private static void WriteRates(LineProtocolWriter writer, FleetWindow window)
    {
        var totals = window.Totals;

        // A source that only counts errors may bring more of them than there are requests.
        writer.Field("error_rate", Math.Min(1, (double)totals.Errors / totals.Requests));
        writer.Field("requests_per_second", (double)totals.Requests / window.Seconds);
        writer.Field("output_tokens_per_second", (double)totals.OutputTokens / window.Seconds);
    }

    private static void WriteResponseTime(LineProtocolWriter writer, Distribution latency, ref FleetFields written)
    {
        if (latency.Count == 0)
        {
            return;
        }

        writer.Field("response_time_mean_ms", latency.Estimate.SumMicros / 1e3 / latency.Count);
        WriteRange(writer, latency, ref written);
        WriteQuantile(writer, latency, 500, "response_time_p50", FleetFields.ResponseTimeP50High, ref written);
        WriteQuantile(writer, latency, 900, "response_time_p90", FleetFields.None, ref written);
        WriteQuantile(writer, latency, 950, "response_time_p95", FleetFields.ResponseTimeP95High, ref written);
        WriteQuantile(writer, latency, 990, "response_time_p99", FleetFields.ResponseTimeP99High, ref written);
        WriteQuantile(writer, latency, 999, "response_time_p99_9", FleetFields.None, ref written);
    }

    private static void WriteTtft(LineProtocolWriter writer, Distribution ttft, ref FleetFields written)
    {
        WriteQuantile(writer, ttft, 500, "ttft_p50", FleetFields.TtftP50High, ref written);
        WriteQuantile(writer, ttft, 950, "ttft_p95", FleetFields.TtftP95High, ref written);
        WriteQuantile(writer, ttft, 990, "ttft_p99", FleetFields.TtftP99High, ref written);
    }

    private static void WriteRange(LineProtocolWriter writer, Distribution latency, ref FleetFields written)
    {
        if (latency.Estimate.HasRange)
        {
            writer.Field("response_time_min_ms", latency.Estimate.Min * 1000);
            writer.Field("response_time_max_ms", latency.Estimate.Max * 1000);
            written |= FleetFields.ResponseTimeMin | FleetFields.ResponseTimeMax;
            return;
        }

        // The smallest and largest are not known any more, the bounds are.
        if (written.HasFlag(FleetFields.ResponseTimeMin))
        {
            var lower = latency.Lower ?? latency.Estimate;
            writer.Field("response_time_min_ms", lower.TryFindBucket(1, out var lowest) ? HistogramScale.LowerEdge(lowest) * 1000 : 0);
        }

        if (written.HasFlag(FleetFields.ResponseTimeMax))
        {
            var upper = latency.Upper ?? latency.Estimate;
            var top = latency.Overflow > 0 ? OpenMs
                : upper.TryFindBucket(upper.Count, out var highest) ? HistogramScale.UpperEdge(highest) * 1000
                : 0;
            writer.Field("response_time_max_ms", top);
        }
    }

    // Bounds are published only where high names their field.
    private static void WriteQuantile(
        LineProtocolWriter writer, Distribution distribution, int permille, string name, FleetFields high, ref FleetFields written)
    {
        if (distribution.Quantile(permille) is not { } quantile)
        {
            return;
        }

        writer.Field(name + "_ms", quantile.Estimate * 1000);
        if (high == FleetFields.None)
        {
            return;
        }

        if (quantile.Low is { } low)
        {
            writer.Field(name + "_lo_ms", low * 1000);
        }

        if (quantile.High is { } known)
        {
            writer.Field(name + "_hi_ms", known * 1000);
            written |= high;
        }
        else if (written.HasFlag(high))
        {
            writer.Field(name + "_hi_ms", OpenMs);
        }
    }

    private static string NameOf(Precision precision) => precision switch
    {
        Precision.Exact => "exact",
        Precision.Bucket => "bucket",
        Precision.Mixed => "mixed",
        _ => "none",
    };
}
