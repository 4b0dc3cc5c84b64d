using CsCheck;
using FleetVibe.Chaos.Schedule;

namespace FleetVibe.Chaos.Tests.Schedule;

public class ScheduleGeneratorTests
{
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(6);
    private static readonly FaultKind[] Kinds = Enum.GetValues<FaultKind>();

    private static readonly FaultKind[] TakesAggregator =
        [FaultKind.KillAggregator, FaultKind.StopAggregator, FaultKind.TermAggregator, FaultKind.Partition, FaultKind.PartitionOneWay, FaultKind.RollingUpgrade, FaultKind.RestartAll];

    private static readonly FaultKind[] TakesProcess =
        [FaultKind.KillAgent, FaultKind.StopAgent, FaultKind.KillAggregator, FaultKind.StopAggregator, FaultKind.TermAggregator, FaultKind.KillGateway, FaultKind.StopGateway];

    private static readonly FleetShape Shape = new(
        [.. Enumerable.Range(1, 20).Select(i => $"agent-{i}")], ["agg-1", "agg-2", "agg-3"], ["gw-1"], "telegraf", ["agent-3", "agent-4", "gw-1"], null, "agent-20");

    private static readonly FleetShape Shared = Shape with { Gateways = ["gw-1", "gw-2"], SmallDisks = ["agent-3", "agent-4"], Store = "postgres" };

    private static readonly Gen<int> Seeds = Gen.Int[0, 1_000_000];

    [Fact]
    public void A_seed_gives_the_same_schedule_again_and_another_seed_another_one() =>
        Seeds.Sample(seed =>
        {
            Assert.Equal(Of(seed), Of(seed));
            Assert.NotEqual(Of(seed), Of(seed + 1));
        });

    [Fact]
    public void A_campaign_of_50_faults_has_50_of_every_kind_in_order_of_time() =>
        Seeds.Sample(seed =>
        {
            var faults = Of(seed);
            Assert.Equal(50, faults.Count);
            Assert.Equal(Enumerable.Range(1, 50), faults.Select(f => f.Number));
            Assert.Equal(faults.OrderBy(f => f.At), faults);
            Assert.Equal([FaultKind.KillPostgres], Kinds.Except(faults.Select(f => f.Kind)));
        });

    [Fact]
    public void Of_gateways_that_share_a_database_each_has_its_faults_and_so_has_the_database() =>
        Seeds.Sample(seed =>
        {
            var faults = ScheduleGenerator.Generate(seed, 120, Shared, Kinds, Pace);
            Assert.Equal([FaultKind.DiskFullGateway], Kinds.Except(faults.Select(f => f.Kind)));
            Assert.Equal(
                ["gw-1", "gw-2"], faults.Where(f => f.Kind is FaultKind.KillGateway or FaultKind.StopGateway).Select(f => f.Target).Distinct().Order(StringComparer.Ordinal));
            Assert.Equal(["postgres"], faults.Where(f => f.Kind == FaultKind.KillPostgres).Select(f => f.Target).Distinct());
        }, iter: 20);

    [Fact]
    public void Never_are_two_aggregators_missing_on_purpose() => NeverTogether(TakesAggregator, (_, _) => true);

    [Fact]
    public void A_process_is_not_touched_while_it_is_down_or_stopped() => NeverTogether(TakesProcess, (one, other) => one.Target == other.Target);

    [Fact]
    public void Everything_is_up_when_everything_is_restarted() =>
        NeverTogether([.. TakesProcess, FaultKind.RestartAll], (one, other) => one.Kind == FaultKind.RestartAll || other.Kind == FaultKind.RestartAll);

    [Fact]
    public void Faults_overlap() =>
        Seeds.Sample(seed => Assert.Contains(Pairs(Of(seed)), pair => pair.One.Kind != FaultKind.Clock && pair.Other.At < pair.One.End));

    [Fact]
    public void Without_small_disks_and_a_wrong_clock_none_of_their_faults_comes() =>
        Seeds.Sample(seed => Assert.DoesNotContain(
            ScheduleGenerator.Generate(seed, 50, Shape with { SmallDisks = [], ClockIsOff = null }, Kinds, Pace),
            fault => fault.Kind is FaultKind.DiskFullAgent or FaultKind.DiskFullGateway or FaultKind.Clock));

    [Fact]
    public void Only_the_kinds_that_were_asked_for_come() =>
        Assert.All(ScheduleGenerator.Generate(1, 20, Shape, [FaultKind.KillAgent, FaultKind.Delay], Pace), fault => Assert.True(fault.Kind is FaultKind.KillAgent or FaultKind.Delay));

    [Fact]
    public void A_kind_is_known_by_its_name()
    {
        Assert.Equal("kill_agent", FaultKind.KillAgent.Name());
        Assert.Equal("telegraf_429", FaultKind.Telegraf429.Name());
        Assert.All(Kinds, kind => Assert.True(FaultKinds.TryParse(kind.Name(), out var parsed) && parsed == kind));
        Assert.False(FaultKinds.TryParse("kill_everybody", out _));
    }

    private static IReadOnlyList<TimedFault> Of(int seed) => ScheduleGenerator.Generate(seed, 50, Shape, Kinds, Pace);

    private static void NeverTogether(FaultKind[] kinds, Func<TimedFault, TimedFault, bool> meet) =>
        Seeds.Sample(seed => Assert.DoesNotContain(
            Pairs(Of(seed)),
            pair => kinds.Contains(pair.One.Kind) && kinds.Contains(pair.Other.Kind) && meet(pair.One, pair.Other) && pair.Other.At < pair.One.End));

    private static IEnumerable<(TimedFault One, TimedFault Other)> Pairs(IReadOnlyList<TimedFault> faults) =>
        faults.SelectMany((one, i) => faults.Skip(i + 1).Select(other => (one, other)));
}
