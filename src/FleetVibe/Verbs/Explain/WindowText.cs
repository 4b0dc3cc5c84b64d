using System.Globalization;
using FleetVibe.Metrics.Histograms;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;
using Distribution = FleetVibe.Metrics.Histograms.Distribution;

namespace FleetVibe.Verbs.Explain;

/// <summary>One committed window for people, within 80 columns. Pure.</summary>
internal static class WindowText
{
    private const int Indent = 13;
    private const int MostHostsNamed = 2;
    private static readonly (string Name, int PerMille)[] Percentiles = [("p50", 500), ("p90", 900), ("p95", 950), ("p99", 990), ("p99.9", 999)];

    /// <exception cref="InvalidDataException">The totals contradict themselves.</exception>
    public static void Write(TextWriter output, ExplainWindowReply reply)
    {
        var window = reply.Window;
        var totals = TotalsMapper.FromWire(window.Totals);
        output.WriteLine($"{NameOf(window.Key.Series)}, from the commit log by way of {reply.Aggregator}");
        output.WriteLine();
        Line(output, "window", $"{Begin(window):yyyy-MM-dd HH:mm:ss} to {End(window):HH:mm:ss} UTC (starts at unix {window.Key.Start})");
        Line(output, "state", $"{(window.Final ? "final: no more is expected" : "not final: more may come")}");
        Line(output, "revision", $"{window.Revision}");
        WriteHistory(output, window);
        Line(output, "requests", $"{totals.Requests}: {totals.Errors} with an error, {totals.LengthLimited} cut off at the token limit, {totals.WideRequests} from wide scrapes");
        Line(output, "back-filled", $"{window.Backfilled} of them came after the window was final");
        Line(output, "tokens", $"{totals.InputTokens} in, {totals.OutputTokens} out");
        Line(output, "expected", Names(window.ExpectedHosts));
        Line(output, "missing", Names(reply.MissingHosts));
        output.WriteLine();
        Write(output, "response time", totals.ResponseTime);
        Write(output, "time to first token", totals.Ttft);
        WriteParts(output, window, totals);
        WrappedText.Write(output, "", Meaning(reply, totals));
    }

    public static string NameOf(SeriesKey series) => string.Join(" / ", new[] { series.Model, series.Task, series.Variant }.Where(n => n.Length > 0));

    /// <summary>What a window means, in one sentence.</summary>
    internal static string Meaning(ExplainWindowReply reply, SeriesTotals totals)
    {
        var window = reply.Window;
        var present = window.ExpectedHosts.Count - reply.MissingHosts.Count;
        var nodes = window.ExpectedHosts.Count == 0 ? "no node was expected"
            : present == 0 ? $"{(reply.MissingHosts.Count == 1 ? "the only expected node is" : $"all {reply.MissingHosts.Count} expected nodes are")} missing ({string.Join(", ", reply.MissingHosts)})"
            : reply.MissingHosts.Count == 0 ? $"all {window.ExpectedHosts.Count} expected nodes are in it"
            : $"{present} of {window.ExpectedHosts.Count} expected nodes are in it ({string.Join(", ", reply.MissingHosts)} missing)";
        var served = totals.Requests == 0 ? reply.MissingHosts.Count == 0 ? "no request ended" : "no request is known to have ended"
            : $"{totals.Requests} {(totals.Requests == 1 ? "request" : "requests")} ended, {totals.Errors} of them in an error";
        var latency = totals.ResponseTime.Quantile(500) is { } p50 && totals.ResponseTime.Quantile(950) is { } p95
            ? $"; half took at most {Ms(p50.Estimate)} ms and 95 % at most {Ms(p95.Estimate)} ms ({Trust(totals.ResponseTime)})"
            : "";
        var refused = window.Refused.Aggregate(0UL, (sum, part) => sum + part.Requests);
        var lost = window.Refused.Count == 0 ? "" : $"; {refused} further requests were refused and are in no window";
        var outlook = window.Final
            ? reply.MissingHosts.Count == 0 ? "; it is final" : "; it is final, and what a missing node still sends is back-filled"
            : "; it is not final, so its figures may still grow";
        return $"In these {WindowLevels.SecondsOf(window.Key.Level)} seconds {served}{latency}; {nodes}{lost}{outlook}.";
    }

    private static void Write(TextWriter output, string what, Distribution values)
    {
        if (values.Count == 0)
        {
            output.WriteLine($"{what}: no value");
            output.WriteLine();
            return;
        }

        var mean = values.Mean is { } m ? $", mean {Ms(m)} ms" : "";
        output.WriteLine($"{what}: {(values.Count == 1 ? "1 value" : $"{values.Count} values")}{mean}, precision {Precise(values)}");
        WrappedText.Write(output, "  ", Trust(values));
        output.WriteLine($"  {"",-6}{"ms",14}{"not below",14}{"not above",14}");
        foreach (var (name, perMille) in Percentiles)
        {
            var q = values.Quantile(perMille)!.Value;
            var above = q.Low is null ? "" : q.High is { } high ? Ms(high) : "unknown";
            output.WriteLine($"  {name,-6}{Ms(q.Estimate),14}{(q.Low is { } low ? Ms(low) : ""),14}{above,14}".TrimEnd());
        }

        if (values.Overflow > 0)
        {
            output.WriteLine($"  above the highest bucket of their source: {values.Overflow}");
        }

        output.WriteLine();
    }

    // Revisions from before the log kept them are not there.
    private static void WriteHistory(TextWriter output, WindowState window)
    {
        foreach (var revision in window.History)
        {
            var at = DateTimeOffset.FromUnixTimeMilliseconds(revision.AtUnixMs).UtcDateTime;
            var added = revision.AddedRecords == 0 ? "no record" : $"{revision.AddedRecords} {(revision.AddedRecords == 1 ? "record" : "records")} of {HostsOf(revision)}";
            Line(output, $"  {revision.Revision}", $"{at:HH:mm:ss.fff} UTC: {added}; {revision.Requests} requests after it, {revision.Expected} hosts expected");
        }
    }

    private static string HostsOf(WindowRevision revision) => revision.AddedHosts.Count > MostHostsNamed
        ? $"{string.Join(", ", revision.AddedHosts.Take(MostHostsNamed))} and {revision.AddedHosts.Count - MostHostsNamed} more"
        : string.Join(", ", revision.AddedHosts);

    private static void WriteParts(TextWriter output, WindowState window, SeriesTotals totals)
    {
        var forgotten = (ulong)totals.Requests - window.Contributors.Aggregate(0UL, (sum, part) => sum + part.Requests);
        if (window.Contributors.Count > 0)
        {
            var rows = window.Contributors.OrderBy(c => c.Record.Node, StringComparer.Ordinal).ThenBy(c => c.Record.Seq)
                .Select(c => new[] { c.Record.Node, Instance(c.Record), Text(c.Record.Seq), Text(c.Requests) });
            Table(output, ["contributor", "spool", "record", "requests"], rows);
        }

        if (forgotten > 0 || (window.Contributors.Count == 0 && window.Hosts.Count > 0))
        {
            WrappedText.Write(output, "", $"{forgotten} requests are of records that the log no longer lists: it does so for an hour after a window's last revision. Hosts in the window: {string.Join(", ", window.Hosts)}.");
            output.WriteLine();
        }

        if (window.Refused.Count > 0)
        {
            Table(output, ["refused", "spool", "record", "requests", "fate"], window.Refused.Select(r => new[]
            {
                r.Record.Node, Instance(r.Record), Text(r.Record.Seq), Text(r.Requests), FateOf(r.Fate),
            }));
        }
    }

    // The first column is a name, the rest figures.
    private static void Table(TextWriter output, string[] columns, IEnumerable<string[]> rows)
    {
        string[][] all = [columns, .. rows];
        var widths = columns.Select((_, i) => all.Max(row => row[i].Length)).ToArray();
        foreach (var row in all)
        {
            output.WriteLine(row[0].PadRight(widths[0]) + string.Concat(row.Skip(1).Select((cell, i) => "  " + cell.PadLeft(widths[i + 1]))));
        }

        output.WriteLine();
    }

    private static void Line(TextWriter output, string name, string text) => WrappedText.Write(output, name.PadRight(Indent), text);

    private static string Trust(Distribution values) => values.Precision switch
    {
        Precision.Exact => "within 0.55 % of the exact percentile",
        Precision.None => "no value",
        _ => "estimated from buckets; the truth lies between the bounds",
    };

    private static string Precise(Distribution values) => values.Precision switch
    {
        Precision.Exact => "exact",
        Precision.Bucket => "bucket",
        Precision.Mixed => $"mixed ({values.ExactCount} exact, {values.BucketedCount} in buckets)",
        _ => "none",
    };

    private static string FateOf(Fate fate) => fate switch
    {
        Fate.Late => "late",
        Fate.Future => "future",
        Fate.Undecodable => "undecodable",
        _ => "unknown",
    };

    private static DateTime Begin(WindowState window) => DateTimeOffset.FromUnixTimeSeconds(window.Key.Start).UtcDateTime;

    private static DateTime End(WindowState window) => WindowLevels.EndOf(window.Key.Level, window.Key.Start).UtcDateTime;

    private static string Names(Google.Protobuf.Collections.RepeatedField<string> hosts) => hosts.Count == 0 ? "none" : $"{hosts.Count}: {string.Join(", ", hosts)}";

    private static string Instance(RecordId record) =>
        record.Instance.Length == RecordKey.InstanceLength ? Convert.ToHexStringLower(record.Instance.Span[..4]) : "?";

    private static string Text(ulong value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Ms(double seconds) => (seconds * 1000).ToString(seconds < 1 ? "0.0" : "0", CultureInfo.InvariantCulture);
}
