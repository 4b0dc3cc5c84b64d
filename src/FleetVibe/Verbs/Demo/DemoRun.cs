using FleetVibe.Configuration.Values;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Verbs.Demo;

/// <summary>The course of a demo: traffic, drain, ledger, percentiles, verdict.</summary>
internal sealed class DemoRun(DemoFleet fleet, DemoOptions options, TimeProvider time, TextWriter output)
{
    private static readonly TimeSpan ProgressEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookForPagesEvery = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(90);

    // A scrape that ends after the traffic belongs to a window around its middle.
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);

    private readonly DateTimeOffset _begin = time.GetUtcNow();
    private DateTimeOffset _nextProgress = time.GetUtcNow() + ProgressEvery;

    /// <summary>Whether the ledger balances and every percentile is within its bound.</summary>
    public async Task<bool> RunAsync(CancellationToken stop)
    {
        using var reader = new FleetReader(fleet.AggregatorPeers, fleet.Gateway, time);
        await output.WriteLineAsync(options.For is null ? "running; Ctrl-C stops the traffic and judges" : $"running: {DurationText.Format(options.For.Value)} of traffic, from its first request on");
        await TrafficAsync(reader, stop);
        await output.WriteLineAsync("traffic stopped, draining");
        await Task.WhenAll(fleet.Nodes.Select(n => n.StopTrafficAsync()));

        // A second signal kills; until then the numbers are brought home.
        var ledger = await DrainAsync(reader);
        return ledger is not null && await JudgeAsync(reader, ledger);
    }

    private async Task TrafficAsync(FleetReader reader, CancellationToken stop)
    {
        var started = Task.WhenAll(fleet.Nodes.Select(n => n.TrafficStarted));
        DateTimeOffset? end = null;
        while (!stop.IsCancellationRequested && !fleet.Ended.IsCompleted && (end is null || time.GetUtcNow() < end))
        {
            if (!started.IsCompleted && await reader.ReadAsync(CancellationToken.None) is { } read && DemoLedger.EveryPageIsRead(read.Fleet, fleet.Nodes.Count))
            {
                fleet.AllowTraffic();
            }

            if (end is null && started.IsCompletedSuccessfully && options.For is { } length)
            {
                end = time.GetUtcNow() + length;
            }

            await ProgressAsync(async () => Line(await reader.ReadAsync(CancellationToken.None)));
            await Task.Delay(started.IsCompleted ? LookEvery : LookForPagesEvery, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (fleet.Ended.IsCompleted)
        {
            await output.WriteLineAsync($"{await fleet.Ended} ended by itself");
        }
    }

    private async Task<DemoLedger?> DrainAsync(FleetReader reader)
    {
        var limit = time.GetUtcNow() + DrainLimit;
        DemoLedger? ledger = null;
        while (true)
        {
            ledger = await ReadLedgerAsync(reader) ?? ledger;
            if (ledger is { IsAtRest: true } && await IsWholeAsync(reader))
            {
                await output.WriteLineAsync($"drained {(time.GetUtcNow() - limit + DrainLimit).TotalSeconds:0} s after the traffic");
                return ledger;
            }

            if (time.GetUtcNow() >= limit)
            {
                await output.WriteLineAsync($"gave up: not drained after {DrainLimit.TotalSeconds:0} s: {ledger?.OnItsWay ?? "aggregator and gateway do not answer"}");
                return ledger;
            }

            await ProgressAsync(() => Task.FromResult($"draining, for at most {DrainLimit.TotalSeconds:0} s: {ledger?.OnItsWay ?? "no answer"}"));
            await Task.Delay(LookEvery, time, CancellationToken.None);
        }
    }

    private async Task<DemoLedger?> ReadLedgerAsync(FleetReader reader) =>
        await reader.ReadAsync(CancellationToken.None) is { } read
            ? DemoLedger.From(
                fleet.Nodes.Select(n => (n.Settings.Name, n.RequestsFinished)),
                read.Fleet,
                read.Gateway,
                fleet.Telegraf?.Sum("vibe_fleet", "requests", p => p.Tags.GetValueOrDefault("window") == "10s"))
            : null;

    private async Task<bool> JudgeAsync(FleetReader reader, DemoLedger ledger)
    {
        await output.WriteLineAsync();
        ledger.Write(output);
        var truth = Truth.Read(fleet.TruthPath);
        var merged = await MergeAsync(reader, truth);
        var verdict = PercentileVerdict.Of(merged, truth);
        await output.WriteLineAsync();
        await output.WriteLineAsync($"percentiles of the fleet over {merged.Requests} requests, beside the exact ones of {fleet.TruthPath}");
        verdict.Write(output);
        string[] problems = [.. ledger.Imbalances, .. verdict.Problems];
        foreach (var problem in problems)
        {
            await output.WriteLineAsync($"WRONG: {problem}");
        }

        await output.WriteLineAsync(problems.Length == 0
            ? "the ledger balances, and every percentile is within its bound"
            : $"{problems.Length} {(problems.Length == 1 ? "thing is" : "things are")} wrong");
        return problems.Length == 0;
    }

    // The requests of the log may be home before the last scrape, which brings their times to first token.
    private async Task<bool> IsWholeAsync(FleetReader reader)
    {
        var truth = Truth.Read(fleet.TruthPath);
        return (await MergeAsync(reader, truth)).Ttft.Count >= truth.Count;
    }

    private Task<SeriesTotals> MergeAsync(FleetReader reader, Truth truth) => reader.MergeWindowsAsync(
        truth.Requests.Select(r => (r.Model, r.Task)).Distinct().Select(s => new SeriesKey { Model = s.Model, Task = s.Task }),
        _begin - Margin,
        time.GetUtcNow() + Margin,
        CancellationToken.None);

    private async Task ProgressAsync(Func<Task<string>> line)
    {
        var now = time.GetUtcNow();
        if (now >= _nextProgress)
        {
            _nextProgress = now + ProgressEvery;
            await output.WriteLineAsync($"{(now - _begin).TotalSeconds,4:0} s  {await line()}");
        }
    }

    private string Line((FleetSnapshot Fleet, GatewayStatus Gateway)? read)
    {
        if (read is not { } now)
        {
            return "aggregator and gateway do not answer";
        }

        var windows = now.Fleet.Series.SelectMany(s => s.Windows).Count(w => w.Revision > 0);
        var missing = fleet.Nodes.Where(n => !n.TrafficStarted.IsCompleted).Select(n => $"{n.Settings.Name} waits for {n.MissingReaders}").ToList();
        return $"{windows} windows committed, {now.Gateway.Committed} of {fleet.Nodes.Sum(n => n.RequestsFinished)} requests, page {fleet.Page.ToString().TrimEnd('/')}"
            + (missing.Count > 0 ? $" ({string.Join(", ", missing)})" : "");
    }
}
