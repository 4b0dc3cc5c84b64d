using System.Threading.Channels;
using Akka.Actor;
using Akka.TestKit;
using FleetVibe.Aggregator.Sessions;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Xunit.Abstractions;

namespace FleetVibe.Aggregator.Tests.Sessions;

public class SessionActorTests : VirtualTimeKit
{
    private readonly Channel<AggregatorMessage> _agent = Channel.CreateBounded<AggregatorMessage>(100);
    private readonly FakeGateway _gateway = new();
    private readonly TestProbe _nodes;
    private readonly TestProbe _series;
    private readonly IActorRef _session;
    private bool _hasMajority = true;

    public SessionActorTests(ITestOutputHelper output)
        : base(output)
    {
        _nodes = CreateTestProbe();
        _series = CreateTestProbe();
        var context = new SessionContext(
            new AggregatorSettings
            {
                Listen = new ListenSettings { Address = ListenAddress.Ephemeral },
                Gateways = new PeerSettings { Addresses = [] },
                Cluster = new ClusterSettings(),
                Name = "agg-1",
                Credits = 2,
            },
            _nodes.Ref,
            _series.Ref,
            _gateway,
            Time,
            () => Volatile.Read(ref _hasMajority));
        _session = Sys.ActorOf(Props.Create(() => new SessionActor(context, _agent.Writer)));
    }

    [Fact]
    public async Task A_stream_that_the_node_grants_is_welcomed_and_declares_its_series()
    {
        Say(new AgentMessage { Hello = Wire.Hello("gpu-1") });
        var open = await _nodes.ExpectMsgAsync<OpenSession>();
        _nodes.Reply(new SessionOpened { Session = open.Session, HighestSeq = 4 });
        var welcome = (await Heard()).Welcome;
        Assert.Equal((2u, 4ul, "agg-1"), (welcome.Credits, welcome.HighestSeq, welcome.Aggregator));
        Assert.Equal(77, welcome.ReceivedUnixNs);
        Assert.Equal(1_000_000_000_000_000, welcome.SentUnixNs);
        Assert.Equal("gpu-1", (await _series.ExpectMsgAsync<DeclareHost>()).Host);
    }

    [Fact]
    public async Task A_record_is_acknowledged_after_its_last_answer()
    {
        await Open();
        var record = Wire.NewRecord(1, 999_970, 3);
        record.Content.Points.Add(new Point { Measurement = "vibe_model" });
        Say(new AgentMessage { Record = record });
        var merge = await _series.ExpectMsgAsync<MergeContribution>();
        await AwaitAssertAsync(() => Assert.Single(_gateway.Look(_ => _gateway.Points.ToList())));
        Assert.False(_agent.Reader.TryPeek(out _));

        _series.Reply(new ContributionSettled { Key = merge.Key, Record = merge.Record, Fate = Fate.Committed });
        var ack = (await Heard()).Ack;
        Assert.Equal((1ul, 1ul), (ack.Ranges[0].First, ack.Ranges[0].Last));
        Assert.Empty(ack.Refused);
    }

    [Fact]
    public async Task A_part_without_an_answer_is_sent_again()
    {
        await Open();
        Say(new AgentMessage { Record = Wire.NewRecord(1, 999_970, 3) });
        var first = await _series.ExpectMsgAsync<MergeContribution>();
        await Pass(TimeSpan.FromSeconds(2), _session);
        Assert.Equal(first, await _series.ExpectMsgAsync<MergeContribution>());
    }

    [Fact]
    public async Task A_part_without_an_answer_is_sent_again_when_the_clock_is_set_back()
    {
        await Open();
        Say(new AgentMessage { Record = Wire.NewRecord(1, 999_970, 3) });
        var first = await _series.ExpectMsgAsync<MergeContribution>();
        Time.SetBack(TimeSpan.FromHours(1));
        await Pass(TimeSpan.FromSeconds(2), _session);
        Assert.Equal(first, await _series.ExpectMsgAsync<MergeContribution>());
    }

    [Fact]
    public async Task Points_that_the_gateway_did_not_take_are_put_again()
    {
        await Open();
        _gateway.IsDown = true;
        Say(new AgentMessage { Record = new FleetVibe.Protocol.V1.Record { Seq = 1, Content = new RecordContent { Points = { new Point() } } } });
        await Pass(TimeSpan.FromSeconds(3), _session);
        _gateway.IsDown = false;
        await Pass(TimeSpan.FromSeconds(10), _session);
        Assert.NotNull((await Heard()).Ack);
        Assert.Single(_gateway.Points);
    }

    [Fact]
    public async Task An_undecodable_record_is_acknowledged_as_refused()
    {
        await Open();
        Say(new AgentMessage { Record = Wire.NewRecord(1, 999_971, 3) });
        var refused = Assert.Single((await Heard()).Ack.Refused);
        Assert.Equal((1ul, Fate.Undecodable, 3ul), (refused.Seq, refused.Fate, refused.Requests));
        Assert.Equal(1, _gateway.Look(model => model.Fates));
    }

    [Fact]
    public async Task More_records_than_credits_end_the_stream()
    {
        await Open();
        for (ulong seq = 1; seq <= 3; seq++)
        {
            Say(new AgentMessage { Record = Wire.NewRecord(seq, 999_970, 3) });
        }

        Assert.Equal(Refused.Types.Reason.Protocol, (await Heard()).Refused.Reason);
        await Ended();
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1ul << 63, 1)]
    [InlineData(5, 6)]
    public async Task A_sequence_that_cannot_be_ends_the_stream(ulong seq, ulong floor)
    {
        await Open();
        var record = Wire.NewRecord(seq, 999_970, 3);
        record.Floor = floor;
        Say(new AgentMessage { Record = record });
        Assert.Equal(Refused.Types.Reason.Protocol, (await Heard()).Refused.Reason);
    }

    [Fact]
    public async Task A_record_that_is_repeated_takes_no_credit()
    {
        await Open();
        for (var i = 0; i < 5; i++)
        {
            Say(new AgentMessage { Record = Wire.NewRecord(1, 999_970, 3) });
        }

        Say(new AgentMessage { Heartbeat = new Heartbeat() });
        Assert.NotNull((await Heard()).Heartbeat);
    }

    [Fact]
    public async Task A_heartbeat_is_answered_and_carries_each_series_its_open_windows()
    {
        await Open();
        var other = new SeriesKey { Model = "qwen", Task = "default" };
        Say(new AgentMessage
        {
            Heartbeat = new Heartbeat
            {
                SentUnixNs = 5,
                Series = { Wire.Series, other },
                Open = { new OpenWindow { Series = other, WindowStart = 1_000_000 } },
            },
        });
        var reply = (await Heard()).Heartbeat;
        Assert.Equal((5, 77), (reply.AgentSentUnixNs, reply.ReceivedUnixNs));
        Assert.Equal("1.0", (await _nodes.ExpectMsgAsync<NodeHeartbeat>()).Version);
        Assert.Empty((await _series.ExpectMsgAsync<DeclareHost>()).Open);
        Assert.Equal(1_000_000, Assert.Single((await _series.ExpectMsgAsync<DeclareHost>()).Open).WindowStart);
    }

    [Fact]
    public async Task A_series_that_was_taken_out_is_told_so_to_its_entity_even_where_it_was_the_last()
    {
        await Open();
        Say(new AgentMessage { Heartbeat = new Heartbeat { Withdrawn = { Wire.Series } } });

        var declared = await _series.ExpectMsgAsync<DeclareHost>();
        Assert.Equal((Wire.Series, true), (declared.Series, declared.Withdrawn));
        await _series.ExpectNoMsgAsync(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_leaving_member_sends_its_agents_away()
    {
        await Open();
        _session.Tell(MemberLeaves.Instance);
        Assert.NotNull((await Heard()).Moved);
        await Ended();
        _session.Tell(StreamEnded.Instance);
        await _nodes.ExpectMsgAsync<SessionClosed>();
    }

    [Fact]
    public async Task A_superseded_stream_ends()
    {
        var id = await Open();
        _session.Tell(new SessionSuperseded { Session = id });
        Assert.NotNull((await Heard()).Moved);
        await Ended();
    }

    [Fact]
    public async Task Without_a_majority_agents_are_sent_away()
    {
        await Open();
        Volatile.Write(ref _hasMajority, false);
        await Pass(TimeSpan.FromMilliseconds(250), _session);
        Assert.Equal(Refused.Types.Reason.Unavailable, (await Heard()).Refused.Reason);
        await Ended();
    }

    [Fact]
    public async Task A_hello_without_a_majority_is_refused()
    {
        Volatile.Write(ref _hasMajority, false);
        Say(new AgentMessage { Hello = Wire.Hello("gpu-1") });
        Assert.Equal(Refused.Types.Reason.Unavailable, (await Heard()).Refused.Reason);
    }

    [Fact]
    public async Task A_node_that_nobody_answers_for_is_asked_again_and_then_refused()
    {
        Say(new AgentMessage { Hello = Wire.Hello("gpu-1") });
        var first = await _nodes.ExpectMsgAsync<OpenSession>();
        await Pass(TimeSpan.FromSeconds(2), _session);
        Assert.Equal(first, await _nodes.ExpectMsgAsync<OpenSession>());
        await Pass(TimeSpan.FromSeconds(13), _session);
        Assert.Equal(Refused.Types.Reason.Unavailable, (await Heard()).Refused.Reason);
    }

    [Fact]
    public async Task A_record_before_hello_is_an_error()
    {
        Say(new AgentMessage { Record = Wire.NewRecord(1, 999_970, 3) });
        Assert.Equal(Refused.Types.Reason.Protocol, (await Heard()).Refused.Reason);
    }

    private void Say(AgentMessage message) => _session.Tell(new AgentSaid(message, 77));

    private async Task<string> Open()
    {
        Say(new AgentMessage { Hello = Wire.Hello("gpu-1") });
        var open = await _nodes.ExpectMsgAsync<OpenSession>();
        _nodes.Reply(new SessionOpened { Session = open.Session });
        Assert.NotNull((await Heard()).Welcome);
        await _series.ExpectMsgAsync<DeclareHost>();
        return open.Session;
    }

    private async Task<AggregatorMessage> Heard()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        return await _agent.Reader.ReadAsync(patience.Token);
    }

    private async Task Ended()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        Assert.False(await _agent.Reader.WaitToReadAsync(patience.Token));
    }
}
