using FleetVibe.Chaos.Fleet;
using FleetVibe.Chaos.Network;
using FleetVibe.Chaos.Processes;
using FleetVibe.Chaos.Schedule;
using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.Chaos.Campaigns;

/// <summary>Carries faults out and heals them.</summary>
internal sealed class FaultInjector(ChaosFleet fleet, TimeProvider time, Action<string> tell)
{
    private static readonly TimeSpan TermWithin = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan KillWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RejoinWithin = TimeSpan.FromSeconds(45);
    // More than a gateway can try while a fault lasts.
    private const int EveryWrite = 1000;

    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private static readonly FlowState Stall = FlowState.Of(FlowMode.Stall);

    public async Task ApplyAsync(TimedFault fault, CancellationToken cancellationToken)
    {
        switch (fault.Kind)
        {
            case FaultKind.KillAgent or FaultKind.KillAggregator or FaultKind.KillGateway:
                await KillAsync(fault.Target);
                break;
            case FaultKind.StopAgent or FaultKind.StopAggregator or FaultKind.StopGateway:
                fleet[fault.Target].Signalled(Signal.Stop);
                break;
            case FaultKind.TermAggregator:
                await TerminateAsync(fault.Target);
                break;
            case FaultKind.Partition:
                SetAll(PartitionOf(fault.Target), Stall);
                break;
            case FaultKind.PartitionOneWay:
                var (from, to) = LinkOf(fault.Target);
                fleet.Links.Set(from, to, Stall);
                break;
            case FaultKind.CutAgent:
                SetAll(UplinksOf(fault.Target), CutOf(fault));
                break;
            case FaultKind.Delay:
                SetAll([LinkOf(fault.Target)], new FlowState(FlowMode.Delay, TimeSpan.FromMilliseconds(fault.DelayMs)));
                break;
            case FaultKind.Stall:
                SetAll([LinkOf(fault.Target)], Stall);
                break;
            case FaultKind.HalfOpen:
                SetAll([LinkOf(fault.Target)], FlowState.Of(FlowMode.HalfOpen));
                break;
            case FaultKind.Reset:
                Reset(fault.Target);
                break;
            case FaultKind.DiskFullAgent or FaultKind.DiskFullGateway:
                await Task.Run(fleet.Disks[fault.Target].Fill, cancellationToken);
                break;
            case FaultKind.Telegraf429 or FaultKind.Telegraf503 or FaultKind.Telegraf400 or FaultKind.TelegrafHang or FaultKind.TelegrafClose:
                await fleet.Telegraf.QueueFaultsAsync(TelegrafFaultOf(fault), EveryWrite, cancellationToken);
                break;
            case FaultKind.KillPostgres:
                await Task.Run(fleet.Postgres!.Kill, cancellationToken);
                break;
            case FaultKind.RestartAll:
                await Task.WhenAll(fleet.Processes.Select(process => KillAsync(process.Name)));
                break;
            case FaultKind.RollingUpgrade:
                await RollAsync(cancellationToken);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "cannot be done");
        }
    }

    public async Task HealAsync(TimedFault fault, CancellationToken cancellationToken)
    {
        switch (fault.Kind)
        {
            case FaultKind.KillAgent or FaultKind.KillAggregator or FaultKind.KillGateway or FaultKind.TermAggregator:
                await fleet[fault.Target].StartAsync();
                break;
            case FaultKind.StopAgent or FaultKind.StopAggregator or FaultKind.StopGateway:
                fleet[fault.Target].Signalled(Signal.Continue);
                break;
            case FaultKind.Partition:
                SetAll(PartitionOf(fault.Target), FlowState.Pass);
                break;
            case FaultKind.PartitionOneWay or FaultKind.Delay or FaultKind.Stall or FaultKind.HalfOpen:
                SetAll([LinkOf(fault.Target)], FlowState.Pass);
                break;
            case FaultKind.CutAgent:
                SetAll(UplinksOf(fault.Target), FlowState.Pass);
                break;
            case FaultKind.Reset:
                Reset(fault.Target);
                break;
            case FaultKind.DiskFullAgent or FaultKind.DiskFullGateway:
                fleet.Disks[fault.Target].Free();
                break;
            case FaultKind.Telegraf429 or FaultKind.Telegraf503 or FaultKind.Telegraf400 or FaultKind.TelegrafHang or FaultKind.TelegrafClose:
                await fleet.Telegraf.ForgetFaultsAsync(cancellationToken);
                break;
            case FaultKind.KillPostgres:
                await Task.Run(fleet.Postgres!.Restart, cancellationToken);
                break;
            case FaultKind.RestartAll:
                await fleet.StartAsync(cancellationToken);
                break;
            default:
                // An upgrade has restarted what it stopped.
                break;
        }
    }

    private Task<bool> KillAsync(string name) => fleet[name].EndAsync(Signal.Kill, KillWithin);

    private async Task TerminateAsync(string name)
    {
        if (!await fleet[name].EndAsync(Signal.Terminate, TermWithin))
        {
            tell($"{name} did not stop within {TermWithin.TotalSeconds:0} s of SIGTERM and was killed");
        }
    }

    /// <summary>One after the other, the oldest member last, each only when all are up again.</summary>
    private async Task RollAsync(CancellationToken cancellationToken)
    {
        foreach (var name in fleet.Shape.Aggregators.OrderByDescending(name => fleet[name].StartedAt).ToList())
        {
            await TerminateAsync(name);
            await fleet[name].StartAsync();
            var started = time.GetTimestamp();
            while (time.GetElapsedTime(started) < RejoinWithin && !await fleet.Probe.HasAllMembersAsync(fleet.Shape.Aggregators.Count, cancellationToken))
            {
                await Task.Delay(Poll, time, cancellationToken);
            }
        }
    }

    private void SetAll(IEnumerable<(string One, string Other)> links, FlowState state)
    {
        foreach (var (one, other) in links)
        {
            fleet.Links.SetBoth(one, other, state);
        }
    }

    private void Reset(string target)
    {
        var (one, other) = LinkOf(target);
        fleet.Links.Reset(one, other);
    }

    private IEnumerable<(string One, string Other)> PartitionOf(string aggregator) =>
        fleet.Shape.Aggregators.Where(other => other != aggregator).Select(other => (aggregator, other));

    private IEnumerable<(string One, string Other)> UplinksOf(string agent) => fleet.Shape.Aggregators.Select(aggregator => (agent, aggregator));

    private static (string From, string To) LinkOf(string target) => target.Split('>') is [var from, var to] ? (from, to) : throw new FormatException($"{target} is no link");

    private static FlowState CutOf(TimedFault fault) => FlowState.Of(fault.Number % 2 == 0 ? FlowMode.Stall : FlowMode.Refuse);

    private static TelegrafFault TelegrafFaultOf(TimedFault fault) => fault.Kind switch
    {
        FaultKind.Telegraf429 => TelegrafFault.Status429,
        FaultKind.Telegraf503 => TelegrafFault.Status503,
        FaultKind.Telegraf400 => TelegrafFault.Status400,
        FaultKind.TelegrafHang => fault.Number % 2 == 0 ? TelegrafFault.Hang : TelegrafFault.HangAfterStoring,
        _ => fault.Number % 2 == 0 ? TelegrafFault.ResetBeforeStoring : TelegrafFault.ResetAfterStoring,
    };
}
