using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using FleetVibe.Agent.Uplink;
using FleetVibe.Protocol.V1;
using Microsoft.Extensions.Logging.Abstractions;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Uplink;

public sealed class UplinkActorTests : TestKit, IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TempFolder _folder = new();
    private readonly WindowCloser _closer = new(Settings(RequestLog));
    private FakeAggregator _aggregator = null!;
    private SpoolWorker _spool = null!;
    private double _now;

    public UplinkActorTests()
        : base("akka.scheduler.tick-duration = 10ms")
    {
    }

    public async Task InitializeAsync()
    {
        _aggregator = await FakeAggregator.StartAsync();
        _spool = await SpoolWorker.OpenAsync(_folder.Path, TimeProvider.System, NullLogger.Instance);
    }

    public async Task DisposeAsync()
    {
        await Sys.Terminate();
        await _aggregator.DisposeAsync();
        _spool.Dispose();
        _folder.Dispose();
    }

    // One record of one request for each window, as if it closed in time or in catching up.
    private async Task<CommitResult> SpoolAsync(int records, int offerBudget = 0, bool live = false)
    {
        var state = State(Settings(RequestLog), _now);
        for (var n = 0; n < records; n++)
        {
            state.Fold(Lines(1, Request(_now + (n * 10) + 1)), At(_now));
        }

        _now += records * 10;
        var batch = state.TakeBatch(At(_now + 12), offerBudget);
        batch = batch with { Closing = [.. batch.Closing.Where(closing => !closing.Part.IsEmpty).Select(closing => closing with { IsLive = live })] };
        return await _spool.RunAsync(store => store.Commit(batch, _closer));
    }

    private async Task<IActorRef> StartAsync(TestProbe? parent = null, TestProbe? accumulator = null, string token = "secret", double heartbeat = 0.2, StartAt startAt = StartAt.End)
    {
        var probe = accumulator ?? CreateTestProbe();
        probe.SetAutoPilot(new DelegateAutoPilot((sender, message) =>
        {
            if (message is DescribeAgent)
            {
                sender.Tell(new AgentDescription(1, new Heartbeat()), probe);
            }

            return AutoPilot.KeepRunning;
        }));
        var settings = Settings(RequestLog with { StartAt = startAt }) with { Aggregators = _aggregator.Peer(token), Heartbeat = TimeSpan.FromSeconds(heartbeat) };
        var status = await _spool.RunAsync(store => store.Status);
        var props = UplinkActor.CreateProps(settings, _spool, status, probe, TimeProvider.System);
        return parent is null ? Sys.ActorOf(props) : parent.ChildActorOf(props);
    }

    private Task LedgerAsync(Func<Ledger, bool> holds) => AwaitConditionAsync(
        async () => holds((await _spool.RunAsync(store => store.Status)).Ledger), Patience, TimeSpan.FromMilliseconds(20));

    [Fact]
    public async Task Hello_names_the_instance_and_what_is_owed()
    {
        await SpoolAsync(2);
        await StartAsync();
        var session = await _aggregator.WelcomeAsync();

        var status = await _spool.RunAsync(store => store.Status);
        Assert.Equal(("gpu-1", 1UL, 1UL), (session.Hello!.Node, session.Hello.NextSeq, session.Hello.Floor));
        Assert.Equal(status.Instance, session.Hello.Instance.ToByteArray());
    }

    [Theory]
    [InlineData(StartAt.Beginning, false, true)]
    [InlineData(StartAt.Beginning, true, false)]
    [InlineData(StartAt.End, false, false)]
    public async Task Hello_says_whether_a_new_spool_reads_logs_that_an_earlier_one_may_have_read(StartAt startAt, bool replacesLost, bool said)
    {
        if (replacesLost)
        {
            await _spool.ReplaceAsync("lost");
        }

        await StartAsync(startAt: startAt);
        Assert.Equal(said, (await _aggregator.WelcomeAsync()).Hello!.ReadsFromStart);
    }

    [Fact]
    public async Task No_more_records_than_credits_are_unacknowledged()
    {
        await SpoolAsync(5);
        await StartAsync();
        var session = await _aggregator.WelcomeAsync(credits: 2);

        Assert.Equal([1UL, 2], (await session.RecordsAsync(2)).Select(record => record.Seq));
        await session.NothingButHeartbeatAsync();
        await session.AckAsync([1]);
        var third = Assert.Single(await session.RecordsAsync(1));
        Assert.Equal((3UL, 2UL), (third.Seq, third.Floor));
    }

    [Fact]
    public async Task A_record_leaves_only_once_it_is_marked_as_offered_on_disk()
    {
        await SpoolAsync(1);
        await StartAsync();
        var session = await _aggregator.WelcomeAsync();
        await session.RecordsAsync(1);

        Assert.Equal([1UL], await _spool.RunAsync(store => store.OfferedSequences()));
    }

    [Fact]
    public async Task Unacknowledged_records_are_sent_again_first_and_unchanged()
    {
        await SpoolAsync(3);
        await StartAsync();
        var session = await _aggregator.WelcomeAsync(credits: 2);
        var first = await session.RecordsAsync(2);
        await SpoolAsync(1);
        session.Ended.SetResult();

        var again = await (await _aggregator.WelcomeAsync()).RecordsAsync(4);
        Assert.Equal(first.Select(record => record.Content), again.Take(2).Select(record => record.Content));
        Assert.Equal([1UL, 2, 3, 4], again.Select(record => record.Seq));
        await LedgerAsync(ledger => ledger.Reconnects == 1);
    }

    [Fact]
    public async Task An_ack_moves_requests_once_and_its_repetition_moves_nothing()
    {
        await SpoolAsync(3);
        await StartAsync();
        var session = await _aggregator.WelcomeAsync();
        await session.RecordsAsync(3);
        await session.AckAsync([1, 2]);
        await session.AckAsync([1, 2]);
        await session.AckAsync([3]);

        await LedgerAsync(ledger => ledger is { AckedCommitted: 3, Spooled: 0, Duplicates: 2 });
    }

    [Fact]
    public async Task Refused_parts_are_counted_by_their_fate()
    {
        await SpoolAsync(4);
        await StartAsync();
        var session = await _aggregator.WelcomeAsync();
        await session.RecordsAsync(4);
        await session.AckAsync(
            [1, 2, 3, 4],
            new RefusedPart { Seq = 1, Fate = Fate.Late, Requests = 1 },
            new RefusedPart { Seq = 2, Fate = Fate.Future, Requests = 1 },
            new RefusedPart { Seq = 3, Fate = Fate.Undecodable, Requests = 9 });

        await LedgerAsync(ledger => ledger is { AckedLate: 1, AckedFuture: 1, AckedUndecodable: 1, AckedCommitted: 1, Spooled: 0, Seen: 4 });
    }

    [Fact]
    public async Task Live_records_overtake_the_backlog()
    {
        await SpoolAsync(4);
        var uplink = await StartAsync();
        var session = await _aggregator.WelcomeAsync(credits: 1);
        await session.RecordsAsync(1);
        uplink.Tell(new RecordsSpooled(await SpoolAsync(1, live: true)));
        await session.NothingButHeartbeatAsync();
        await session.AckAsync([1]);
        var second = (await session.RecordsAsync(1)).Single().Seq;
        await session.AckAsync([second]);
        var third = (await session.RecordsAsync(1)).Single().Seq;

        Assert.Contains(5UL, new[] { second, third });
    }

    [Fact]
    public async Task What_was_sent_since_the_last_commit_is_no_lost_spool_when_the_stream_breaks()
    {
        await SpoolAsync(2);
        await StartAsync();
        var session = await _aggregator.WelcomeAsync();
        await session.RecordsAsync(2);
        session.Ended.SetResult();

        var again = await _aggregator.WelcomeAsync(highestSeq: 2);

        Assert.Equal(3UL, again.Hello!.NextSeq);
        Assert.Equal([1UL, 2], (await again.RecordsAsync(2)).Select(record => record.Seq));
    }

    [Fact]
    public async Task A_spool_that_went_back_in_time_is_reported_and_sends_nothing()
    {
        await SpoolAsync(1);
        var parent = CreateTestProbe();
        await StartAsync(parent);
        await _aggregator.WelcomeAsync(highestSeq: 2);

        await parent.FishForMessageAsync(message => message is SpoolLost, Patience);
        Assert.Empty(await _spool.RunAsync(store => store.OfferedSequences()));
    }

    [Fact]
    public async Task A_spool_file_that_was_copied_back_is_found_at_the_handshake()
    {
        var file = Path.Combine(_folder.Path, SpoolFile.FileName);
        await SpoolAsync(1);
        _spool.Dispose();
        var copy = await File.ReadAllBytesAsync(file);
        _spool = await SpoolWorker.OpenAsync(_folder.Path, TimeProvider.System, NullLogger.Instance);
        var last = (await SpoolAsync(2)).Records[^1].Seq;
        _spool.Dispose();
        await File.WriteAllBytesAsync(file, copy);
        File.Delete(file + "-wal");
        _spool = await SpoolWorker.OpenAsync(_folder.Path, TimeProvider.System, NullLogger.Instance);

        // A new record takes a sequence that the fleet knows with other content.
        await SpoolAsync(1);
        var parent = CreateTestProbe();
        await StartAsync(parent);
        await _aggregator.WelcomeAsync(highestSeq: last);

        await parent.FishForMessageAsync(message => message is SpoolLost, Patience);
        Assert.Empty(await _spool.RunAsync(store => store.OfferedSequences()));
    }

    [Fact]
    public async Task A_spool_that_went_back_in_time_is_found_though_it_made_records_since()
    {
        await SpoolAsync(4);
        var parent = CreateTestProbe();
        await StartAsync(parent);
        await _aggregator.WelcomeAsync(highestSeq: 2);

        await parent.FishForMessageAsync(message => message is SpoolLost, Patience);
        Assert.Empty(await _spool.RunAsync(store => store.OfferedSequences()));
    }

    [Fact]
    public async Task What_was_offered_stays_known_though_it_is_acknowledged()
    {
        await SpoolAsync(2, offerBudget: 2, live: true);
        await SpoolAsync(2);
        await _spool.RunAsync(store => store.Acknowledge([new SequenceRange { First = 1, Last = 2 }], []));
        _spool.Dispose();
        _spool = await SpoolWorker.OpenAsync(_folder.Path, TimeProvider.System, NullLogger.Instance);
        await StartAsync();
        var session = await _aggregator.WelcomeAsync(highestSeq: 2);

        Assert.Equal((3UL, 3UL), (session.Hello!.NextSeq, session.Hello.Floor));
        Assert.Equal([3UL, 4], (await session.RecordsAsync(2)).Select(record => record.Seq));
    }

    [Fact]
    public async Task Every_handshake_tells_the_clock_offset()
    {
        var accumulator = CreateTestProbe();
        await StartAsync(accumulator: accumulator);
        var session = await _aggregator.AcceptAsync();
        await session.WelcomeAsync(1, 0, ahead: TimeSpan.FromMinutes(5));

        var told = (SetClockOffset)await accumulator.FishForMessageAsync(message => message is SetClockOffset, Patience);
        Assert.InRange(told.Offset.TotalSeconds, 270, 300);
    }

    [Fact]
    public async Task A_stream_on_which_heartbeats_find_no_answer_is_given_up()
    {
        await StartAsync(heartbeat: 0.05);
        var session = await _aggregator.AcceptAsync();
        session.AnswersHeartbeats = false;
        await session.WelcomeAsync(1, 0);

        await _aggregator.WelcomeAsync();
    }

    [Fact]
    public async Task A_member_that_leaves_is_left()
    {
        await StartAsync();
        var session = await _aggregator.WelcomeAsync();
        await session.SendAsync(new AggregatorMessage { Moved = new Moved() });

        await _aggregator.WelcomeAsync();
    }

    [Fact]
    public async Task A_refused_token_is_said_once_and_never_shown()
    {
        await EventFilter.Warning(contains: "token_file").ExpectOneAsync(Patience, async () => await StartAsync(token: "wrong-token"));
    }
}
