using FleetVibe.Dashboard.Feed;
using FleetVibe.Metrics.Histograms;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Ledger;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using Distribution = FleetVibe.Metrics.Histograms.Distribution;

namespace FleetVibe.Dashboard.Page;

/// <summary>What the page shows, as JSON: a pure function of the newest snapshot. Times are milliseconds, rates per second.</summary>
internal static class FleetPageModel
{
    private static readonly int[] ShownPermilles = [500, 950, 990];

    public static PageView From(FeedState feed, DateTimeOffset now)
    {
        var snapshot = feed.Snapshot ?? new FleetSnapshot();
        var balances = Balances(feed.Earlier, snapshot);
        return new PageView(
            now.ToUnixTimeMilliseconds(),
            feed.ReceivedAt is { } at ? (now - at).TotalSeconds : null,
            feed.Error,
            snapshot.Aggregator,
            [.. snapshot.Series.Select(ToView)],
            [.. snapshot.Nodes.OrderBy(n => n.Node, StringComparer.Ordinal).Select(n => ToView(n, balances[n.Node], now))],
            [.. snapshot.Members.Select(m => new MemberLine(m.Address, m.Status, m.Reachable))],
            snapshot.Gateway is null ? null : ToView(snapshot.Gateway, now),
            snapshot.GatewayError);
    }

    private static SeriesBlock ToView(SeriesView series) => new(
        series.Series.Model, series.Series.Task, series.Series.Variant, [.. series.Windows.OrderByDescending(w => w.Start).Select(ToView)]);

    private static WindowLine ToView(WindowView window)
    {
        var totals = TotalsMapper.FromWire(window.Totals);
        var perSecond = 1.0 / WindowClock.BaseSeconds;
        return new WindowLine(
            window.Start,
            window.Phase switch { WindowPhase.Committed => "committed", WindowPhase.Final => "final", _ => "open" },
            window.Revision,
            window.Contributors,
            window.Expected,
            [.. window.MissingHosts],
            totals.Requests,
            totals.Requests * perSecond,
            totals.Errors,
            totals.LengthLimited,
            totals.OutputTokens * perSecond,
            Precise(totals.ResponseTime),
            [.. ShownPermilles.Select(permille => Quantile(totals.ResponseTime, permille))],
            [.. ShownPermilles.Select(permille => Quantile(totals.Ttft, permille))]);
    }

    private static string Precise(Distribution distribution) => distribution.Precision switch
    {
        Precision.Exact => "exact",
        Precision.Bucket => "bucket",
        Precision.Mixed => "mixed",
        _ => "none",
    };

    private static QuantileCell? Quantile(Distribution distribution, int permille) => distribution.Quantile(permille) is { } q
        ? new QuantileCell(q.Estimate * 1e3, q.Low * 1e3, q.High * 1e3)
        : null;

    private static Dictionary<string, Balance> Balances(FleetSnapshot? earlier, FleetSnapshot latest)
    {
        var before = earlier is null ? null : NodeAccount.From(earlier).ToDictionary(a => a.Node, StringComparer.Ordinal);
        return NodeAccount.From(latest).ToDictionary(a => a.Node, a => LedgerBalance.Of(before?.GetValueOrDefault(a.Node), a), StringComparer.Ordinal);
    }

    private static BalanceLine ToView(Balance balance)
    {
        var (state, text) = balance.State switch
        {
            BalanceState.Balanced => ("balanced", "balanced"),
            BalanceState.UnderWay => ("underway", balance.OnTheWay > 0 ? $"{balance.OnTheWay} on their way" : "acknowledgements on their way"),
            BalanceState.Broken => ("broken", "does not balance"),
            _ => ("unknown", "not heard, so nobody knows what is on its way"),
        };
        return new BalanceLine(state, text, balance.Faults, balance.Notes);
    }

    private static NodeLine ToView(NodeView node, Balance balance, DateTimeOffset now) => new(
        node.Node,
        node.Reachability switch
        {
            NodeReachability.Reporting => "reporting",
            NodeReachability.Unreachable => "unreachable",
            _ => "unknown",
        },
        node.LastHeardUnixMs == 0 ? null : Math.Max(0, (now.ToUnixTimeMilliseconds() - node.LastHeardUnixMs) / 1e3),
        node.AgentVersion,
        [.. node.Sources.Select(s => new SourceLine(
            s.Target, s.Kind, s.HasUp ? s.Up : null, s.ErrorClass, s.ErrorText, s.Counts,
            s.HasRunning ? s.Running : null, s.HasWaiting ? s.Waiting : null, s.HasKvCachePercent ? s.KvCachePercent : null))],
        [.. node.Gpus.Select(g => new GpuLine(
            g.Gpu, g.Index, g.Name,
            g.HasGpuUtilPercent ? g.GpuUtilPercent : null,
            g.HasMemoryUsedBytes ? g.MemoryUsedBytes : null,
            g.HasMemoryTotalBytes ? g.MemoryTotalBytes : null,
            g.HasTemperatureC ? g.TemperatureC : null,
            g.HasPowerW ? g.PowerW : null))],
        node.Ledger is null ? null : ToView(node.Ledger),
        ToView(balance));

    private static LedgerLine ToView(AgentLedger ledger) => new(
        ledger.Seen, ledger.Open, ledger.Spooled, ledger.AckedCommitted, ledger.AckedLate + ledger.AckedFuture + ledger.AckedUndecodable, ledger.DroppedSpoolFull);

    private static GatewayLine ToView(GatewayStatus gateway, DateTimeOffset now) => new(
        gateway.Committed,
        gateway.Late + gateway.Future + gateway.Undecodable,
        gateway.PointsProduced,
        gateway.PointsQueued,
        gateway.PointsDelivered,
        gateway.PointsSuperseded,
        gateway.PointsDeadLettered,
        gateway.PointsRefused,
        gateway.DeliveryState,
        gateway.DeliveryError,
        gateway.LastDeliveredUnixMs == 0 ? null : Math.Max(0, (now.ToUnixTimeMilliseconds() - gateway.LastDeliveredUnixMs) / 1e3));
}

/// <param name="AgeSeconds">Since the snapshot came; null while none has.</param>
internal sealed record PageView(
    long At, double? AgeSeconds, string? Error, string Aggregator, IReadOnlyList<SeriesBlock> Series, IReadOnlyList<NodeLine> Nodes,
    IReadOnlyList<MemberLine> Members, GatewayLine? Gateway, string GatewayError);

internal sealed record SeriesBlock(string Model, string Task, string Variant, IReadOnlyList<WindowLine> Windows);

internal sealed record WindowLine(
    long Start, string Phase, ulong Revision, uint Contributors, uint Expected, IReadOnlyList<string> MissingHosts,
    long Requests, double RequestsPerSecond, long Errors, long LengthLimited, double OutputTokensPerSecond, string Precision,
    IReadOnlyList<QuantileCell?> ResponseTime, IReadOnlyList<QuantileCell?> Ttft);

/// <summary>Milliseconds. Low and High are absent while the value is exact; High alone where nothing above is known.</summary>
internal sealed record QuantileCell(double Estimate, double? Low, double? High);

internal sealed record NodeLine(
    string Node, string State, double? HeardSecondsAgo, string Version, IReadOnlyList<SourceLine> Sources, IReadOnlyList<GpuLine> Gpus, LedgerLine? Ledger,
    BalanceLine Balance);

internal sealed record SourceLine(
    string Target, string Kind, bool? Up, string ErrorClass, string ErrorText, bool Counts, long? Running, long? Waiting, double? KvCachePercent);

internal sealed record GpuLine(
    string Gpu, int Index, string Name, double? UtilPercent, long? MemoryUsedBytes, long? MemoryTotalBytes, double? TemperatureC, double? PowerW);

internal sealed record LedgerLine(ulong Seen, ulong Open, ulong Spooled, ulong Committed, ulong Refused, ulong Dropped);

/// <param name="State">balanced, underway, broken or unknown.</param>
internal sealed record BalanceLine(string State, string Text, IReadOnlyList<string> Faults, IReadOnlyList<string> Notes);

internal sealed record MemberLine(string Address, string Status, bool Reachable);

internal sealed record GatewayLine(
    ulong Committed, ulong Refused, ulong Produced, ulong Queued, ulong Delivered, ulong Superseded, ulong DeadLettered, ulong PointsRefused,
    string State, string Error, double? DeliveredSecondsAgo);
