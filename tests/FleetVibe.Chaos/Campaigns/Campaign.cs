using System.Diagnostics;
using FleetVibe.Chaos.Fleet;
using FleetVibe.Chaos.Oracle;
using FleetVibe.Chaos.Reporting;
using FleetVibe.Chaos.Schedule;
using FleetVibe.Chaos.Traffic;

namespace FleetVibe.Chaos.Campaigns;

/// <summary>One campaign: a fleet warms up, faults come and are healed, traffic stops, everything drains, and the oracle judges.</summary>
internal sealed class Campaign(CampaignSettings settings, TimeProvider time, TextWriter output)
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(20);

    private readonly long _started = time.GetTimestamp();
    private readonly List<string> _strangeEnds = [];

    /// <returns>Whether every promise held.</returns>
    /// <exception cref="CampaignFailedException">There is nothing to judge.</exception>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(settings.Binary.AssemblyPath))
        {
            throw new CampaignFailedException($"{settings.Binary.AssemblyPath} is not there: build src/FleetVibe, or say --binary PATH");
        }

        var folder = Directory.CreateTempSubdirectory("fleetvibe-chaos-").FullName;
        var isSound = false;
        try
        {
            isSound = await RunAsync(folder, cancellationToken);
            return isSound;
        }
        finally
        {
            if (isSound && !settings.IsFolderKept)
            {
                Directory.Delete(folder, recursive: true);
            }
            else
            {
                Tell($"logs, configurations and data: {folder}");
            }
        }
    }

    private async Task<bool> RunAsync(string folder, CancellationToken cancellationToken)
    {
        Tell(await Surroundings.HasNetemAsync()
            ? "links are made worse by proxies in this process"
            : "this kernel has no netem: links are made worse by proxies in this process");
        var fleetSettings = new FleetSettings(settings.Seed, folder, settings.Binary, settings.Nodes, settings.Gateways, settings.Faults > 0 && settings.Kinds.Contains(FaultKind.Clock));
        await using var fleet = await ChaosFleet.CreateAsync(fleetSettings, time, Ended);
        if (fleet.Disks.Count == 0 && settings.Kinds.Any(k => k.NeedsSmallDisk()))
        {
            Tell("file systems cannot be mounted here: full disks are left out of the schedule");
        }

        var schedule = ScheduleGenerator.Generate(settings.Seed, settings.Faults, fleet.Shape, settings.Kinds, settings.Pace);
        await output.WriteLineAsync($"seed {settings.Seed}: {schedule.Count} faults; at most one aggregator at a time is missing from the majority on purpose, except in restart_all");
        foreach (var fault in schedule)
        {
            await output.WriteLineAsync(fault.ToString());
        }

        await using var traffic = new FleetTraffic(settings.Seed, fleet.LogNodes, time);
        try
        {
            await WarmUpAsync(fleet, traffic, cancellationToken);
            await ExecuteAsync(fleet, schedule, cancellationToken);
            await StopTrafficAsync(fleet, traffic);
            Tell($"traffic has stopped after {Expected(traffic)} requests");
            var ledger = await new Drain(fleet, time, Tell).RunAsync(Expected(traffic), cancellationToken);
            var verdict = Judge.Of(
                traffic.Truth, await fleet.Telegraf.PointsAsync(cancellationToken), await fleet.Telegraf.ViolationsAsync(cancellationToken), ledger.Numbers());
            return await ConcludeAsync(fleet, schedule, verdict, ledger);
        }
        finally
        {
            await fleet.SaveDisksAsync();
        }
    }

    private async Task WarmUpAsync(ChaosFleet fleet, FleetTraffic traffic, CancellationToken cancellationToken)
    {
        await fleet.StartTelegrafAsync();
        await UntilAsync(async () => await fleet.Telegraf.IsUpAsync(cancellationToken), () => "the stand-in for Telegraf does not serve", cancellationToken);
        await fleet.StartAsync(cancellationToken);
        IReadOnlyList<string> missing = fleet.Shape.Agents;
        await UntilAsync(
            async () => (missing = await MissingAsync(fleet, cancellationToken)).Count == 0, () => $"not connected, or with a source that is not read: {string.Join(", ", missing)}", cancellationToken);
        Tell($"{fleet.Shape.Agents.Count} agents are connected");
        fleet.LetEnginesServe();
        await traffic.StartAsync();
        var models = fleet.LogNodes.Select(plan => plan.Model).Concat(fleet.Engines.Select(engine => engine.Settings.Model)).Distinct().ToList();
        await UntilAsync(
            async () => models.Except(await ServedAsync(fleet, cancellationToken)).Any() is false, () => "not every model has a window at Telegraf", cancellationToken);
        Tell("every model has a window at Telegraf: the faults begin");
    }

    private static async Task<IReadOnlyList<string>> MissingAsync(ChaosFleet fleet, CancellationToken cancellationToken)
    {
        var view = await fleet.Probe.FleetAsync(cancellationToken);
        return [.. fleet.Shape.Agents.Except(view?.Nodes.Where(n => n.Reachability == Protocol.V1.NodeReachability.Reporting && n.Sources.All(s => s.Up)).Select(n => n.Node) ?? [])];
    }

    private static async Task<IEnumerable<string>> ServedAsync(ChaosFleet fleet, CancellationToken cancellationToken) =>
        (await fleet.Telegraf.PointsAsync(cancellationToken)).Where(p => p.Measurement == "vibe_fleet" && p.Integer("requests") > 0).Select(p => p.Tags["model"]);

    private async Task ExecuteAsync(ChaosFleet fleet, IReadOnlyList<TimedFault> schedule, CancellationToken cancellationToken)
    {
        var injector = new FaultInjector(fleet, time, Tell);
        var begun = time.GetTimestamp();
        await Task.WhenAll(schedule.Select(fault => ExecuteAsync(injector, fault, begun, cancellationToken)));
        fleet.Links.HealAll();
        await fleet.StartAsync(cancellationToken);
        Tell("all faults are healed");
        await Task.Delay(Settle, time, cancellationToken);
    }

    private async Task ExecuteAsync(FaultInjector injector, TimedFault fault, long begun, CancellationToken cancellationToken)
    {
        var wait = fault.At - time.GetElapsedTime(begun);
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, time, cancellationToken);
        }

        Tell($"{fault.Number,4} {fault.Kind.Name()} {fault.Target}");
        if (fault.Kind == FaultKind.Clock)
        {
            return;
        }

        var applied = time.GetTimestamp();
        await injector.ApplyAsync(fault, cancellationToken);
        var rest = fault.Kind == FaultKind.RollingUpgrade ? TimeSpan.Zero : fault.Duration - time.GetElapsedTime(applied);
        if (rest > TimeSpan.Zero)
        {
            await Task.Delay(rest, time, cancellationToken);
        }

        await injector.HealAsync(fault, cancellationToken);
        Tell($"{fault.Number,4} {fault.Kind.Name()} {fault.Target} is over");
    }

    private static async Task StopTrafficAsync(ChaosFleet fleet, FleetTraffic traffic)
    {
        await traffic.StopAsync();
        foreach (var engine in fleet.Engines)
        {
            await engine.StopTrafficAsync();
            traffic.Truth.Add(new EngineTruth(engine.Settings.Name, engine.Settings.Model, engine.RequestsFinished));
        }
    }

    private static long Expected(FleetTraffic traffic) => traffic.Truth.Requests + traffic.Truth.Engines.Sum(engine => engine.Requests);

    private async Task<bool> ConcludeAsync(ChaosFleet fleet, IReadOnlyList<TimedFault> schedule, Verdict verdict, DrainedLedger ledger)
    {
        var faults = schedule.GroupBy(fault => fault.Kind.Name(), StringComparer.Ordinal).ToDictionary(kind => kind.Key, kind => kind.Count(), StringComparer.Ordinal);
        if (settings.Report is { } file)
        {
            var version = FileVersionInfo.GetVersionInfo(settings.Binary.AssemblyPath).ProductVersion ?? "unknown";
            CampaignReport.Of(settings.Seed, faults, verdict, time.GetElapsedTime(_started).TotalSeconds, settings.Nodes, settings.Gateways, version).Write(file);
        }

        foreach (var waiting in ledger.OnTheWay)
        {
            Tell($"did not drain: {waiting}");
        }

        foreach (var mismatch in verdict.Mismatches)
        {
            Tell(mismatch.ToString());
        }

        List<string> strange;
        lock (_strangeEnds)
        {
            strange = [.. _strangeEnds];
        }

        strange.AddRange((await fleet.StopAsync()).Select(name => $"{name} did not stop on SIGTERM"));
        strange.ForEach(Tell);
        var isSound = verdict.IsSound && ledger.OnTheWay.Count == 0 && strange.Count == 0;
        await output.WriteLineAsync(FormattableString.Invariant(
            $"{(isSound ? "sound" : "FAILED")}: seed {settings.Seed}, {schedule.Count} faults, {verdict.Requests} requests, {verdict.Committed} committed, {verdict.Refused} refused, {verdict.Lost} lost, {verdict.Duplicated} duplicated, {verdict.Shrunk} shrunk, {verdict.MismatchCount} mismatches, worst gap {verdict.WorstGapSeconds:0.0} s, worst percentile error {verdict.WorstPercentileError * 100:0.000} %"));
        return isSound;
    }

    private async Task UntilAsync(Func<Task<bool>> holds, Func<string> problem, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (!await holds())
        {
            if (time.GetElapsedTime(started) > WarmUp)
            {
                throw new CampaignFailedException($"the fleet did not come up within {WarmUp.TotalMinutes:0} minutes: {problem()}");
            }

            await Task.Delay(Poll, time, cancellationToken);
        }
    }

    // A member that lost the majority downs itself and leaves its restart to the supervisor; nobody else ends by itself.
    private void Ended(string name, int exitCode)
    {
        Tell($"{name} ended by itself with {exitCode} and is started again");
        if (!name.StartsWith("agg-", StringComparison.Ordinal) || exitCode != 1)
        {
            lock (_strangeEnds)
            {
                _strangeEnds.Add($"{name} ended by itself with {exitCode}");
            }
        }
    }

    private void Tell(string text) => output.WriteLine(FormattableString.Invariant($"{time.GetElapsedTime(_started).TotalSeconds,7:0.0} s  {text}"));
}
