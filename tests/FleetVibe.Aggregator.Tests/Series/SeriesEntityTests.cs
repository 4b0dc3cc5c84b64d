using Akka.Actor;
using FleetVibe.Aggregator.Membership;
using FleetVibe.Aggregator.Series;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using Xunit.Abstractions;

namespace FleetVibe.Aggregator.Tests.Series;

public class SeriesEntityTests(ITestOutputHelper output) : VirtualTimeKit(output)
{
    private const long W = 999_970;
    private readonly FakeGateway _gateway = new();

    [Fact]
    public async Task A_contribution_is_settled_when_the_gateway_has_answered_its_commit()
    {
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _gateway.CommitAnswer = answer.Task;
        var entity = Start();
        entity.Tell(Wire.Merge("a", 1, W, Wire.Totals(3)));
        await AwaitAssertAsync(() => Assert.Equal(1, _gateway.Look(model => model.Commits)));
        entity.Tell(Wire.Merge("a", 1, W, Wire.Totals(3)));
        await ExpectMsgAsync<ContributionHeld>();

        answer.SetResult();
        var settled = await ExpectMsgAsync<ContributionSettled>();
        Assert.Equal(Fate.Committed, settled.Fate);
        Assert.Equal(1u, settled.Record.Seq);
    }

    [Fact]
    public async Task While_the_gateway_is_down_nothing_is_settled_and_afterwards_everything()
    {
        _gateway.IsDown = true;
        var entity = Start();
        entity.Tell(Wire.Merge("a", 1, W, Wire.Totals(3)));
        await Pass(TimeSpan.FromSeconds(20), entity);
        await ExpectNoMsgAsync(TimeSpan.Zero);

        _gateway.IsDown = false;
        await Pass(TimeSpan.FromSeconds(6), entity);
        Assert.Equal(Fate.Committed, (await ExpectMsgAsync<ContributionSettled>()).Fate);
    }

    [Fact]
    public async Task A_future_window_gets_its_fate_at_the_gateway()
    {
        var entity = Start();
        entity.Tell(Wire.Merge("a", 1, 1_000_400, Wire.Totals(3)));
        Assert.Equal(Fate.Future, (await ExpectMsgAsync<ContributionSettled>()).Fate);
        Assert.Equal(1, _gateway.Look(model => model.Fates));
    }

    [Fact]
    public async Task What_changed_is_published_at_most_once_a_second()
    {
        var entity = Start();
        entity.Tell(Wire.Merge("a", 1, W, Wire.Totals(3)));
        await ExpectMsgAsync<ContributionSettled>();
        await Pass(TimeSpan.FromSeconds(10), entity);
        var published = new List<SeriesChanged>();
        while (await TryTake() is { } changed)
        {
            published.Add(changed);
        }

        Assert.InRange(published.Count, 3, 11);
        Assert.Equal(3u, Assert.Single(published[0].Series.Windows).Totals.Requests);
    }

    [Fact]
    public async Task Windows_are_published_on_when_the_clock_is_set_back()
    {
        var entity = Start();
        entity.Tell(Wire.Merge("a", 1, W, Wire.Totals(3)));
        await ExpectMsgAsync<ContributionSettled>();
        await Pass(TimeSpan.FromSeconds(4), entity);
        while (await TryTake() is not null)
        {
        }

        Time.SetBack(TimeSpan.FromHours(1));
        await Pass(TimeSpan.FromSeconds(4), entity);
        Assert.Equal(3u, Assert.Single((await TryTake())!.Series.Windows).Totals.Requests);
    }

    [Fact]
    public async Task A_moving_entity_answers_the_commit_under_way_before_it_stops()
    {
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _gateway.CommitAnswer = answer.Task;
        var entity = Start();
        await WatchAsync(entity);
        entity.Tell(Wire.Merge("a", 1, W, Wire.Totals(3)));
        await AwaitAssertAsync(() => Assert.Equal(1, _gateway.Look(model => model.Commits)));
        entity.Tell(StopEntity.Instance);
        entity.Tell(Wire.Merge("b", 1, W, Wire.Totals(3)));

        answer.SetResult();
        await ExpectMsgAsync<ContributionSettled>();
        await ExpectTerminatedAsync(entity);
        Assert.Equal(1, _gateway.Look(model => model.Fates));
    }

    [Fact]
    public async Task A_moving_entity_without_a_commit_under_way_stops_at_once()
    {
        var entity = Start();
        await WatchAsync(entity);
        entity.Tell(StopEntity.Instance);
        await ExpectTerminatedAsync(entity);
    }

    private IActorRef Start()
    {
        var published = _published ??= CreateTestProbe();
        Action<object> publish = message => published.Ref.Tell(message);
        return Sys.ActorOf(Props.Create(() => new SeriesEntity(SeriesEntityId.Of(Wire.Series), new SeriesRules(), _gateway, Time, publish)));
    }

    private Akka.TestKit.TestProbe? _published;

    private async Task<SeriesChanged?> TryTake() =>
        _published!.HasMessages ? await _published.ExpectMsgAsync<SeriesChanged>() : null;
}
