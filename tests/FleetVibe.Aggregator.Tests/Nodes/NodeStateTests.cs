using FleetVibe.Aggregator.Nodes;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Aggregator.Tests.Nodes;

public class NodeStateTests
{
    private static readonly ByteString First = RecordKey.InstanceToWire(Guid.Parse("11111111-1111-1111-1111-111111111111"));
    private static readonly ByteString Second = RecordKey.InstanceToWire(Guid.Parse("22222222-2222-2222-2222-222222222222"));
    private readonly NodeState _state = new("gpu-1", TimeSpan.FromSeconds(30));

    [Fact]
    public void A_first_session_is_granted_with_the_gateways_numbers()
    {
        var admit = Admission(Open("s1", First, 0));
        Assert.Equal(5u, admit.Request.NextSeq);
        var opened = Assert.IsType<SessionOpened>(Told(Admit(admit, 0.1), "s1"));
        Assert.Equal(4u, opened.HighestSeq);
    }

    [Fact]
    public void The_same_instance_takes_over_at_once()
    {
        Admit(Admission(Open("s1", First, 0)), 0);
        var effects = Admit(Admission(Open("s2", First, 1)), 1);
        Assert.Equal("s1", Assert.IsType<SessionSuperseded>(Told(effects, "s1")).Session);
        Assert.IsType<SessionOpened>(Told(effects, "s2"));
    }

    [Theory]
    [InlineData(14.9, false)]
    [InlineData(15, true)]
    public void Another_instance_is_refused_while_the_holder_was_heard(double afterSeconds, bool isAsked)
    {
        Admit(Admission(Open("s1", First, 0)), 0);
        var effects = Open("s2", Second, afterSeconds);
        if (isAsked)
        {
            Admission(effects);
        }
        else
        {
            var refused = Assert.IsType<SessionRefused>(Told(effects, "s2")).Refused;
            Assert.Equal(Refused.Types.Reason.NodeHeld, refused.Reason);
            Assert.Contains("gpu-1", refused.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_second_agent_of_a_name_raises_one_alarm()
    {
        Admit(Admission(Open("s1", First, 0)), 0);

        Assert.Contains("gpu-1", Assert.Single(Open("s2", Second, 1).OfType<NodeEffect.Alarm>()).Text, StringComparison.Ordinal);
        Assert.Empty(Open("s3", Second, 2).OfType<NodeEffect.Alarm>());
    }

    [Fact]
    public void The_name_stays_with_its_instance_for_a_while_after_the_stream_ended()
    {
        Admit(Admission(Open("s1", First, 0)), 0);
        _state.Close(new SessionClosed { Node = "gpu-1", Session = "s1" });
        Assert.IsType<SessionRefused>(Told(Open("s2", Second, 5), "s2"));
        Admission(Open("s3", First, 5));
    }

    [Theory]
    [InlineData(AdmitInstanceReply.Types.Outcome.HeldByAnother, Refused.Types.Reason.NodeHeld)]
    [InlineData(AdmitInstanceReply.Types.Outcome.RolledBack, Refused.Types.Reason.SpoolRolledBack)]
    [InlineData(AdmitInstanceReply.Types.Outcome.Unspecified, Refused.Types.Reason.Unavailable)]
    public void What_the_gateway_refuses_is_refused(AdmitInstanceReply.Types.Outcome outcome, Refused.Types.Reason reason)
    {
        _state.Admitted(Admission(Open("s1", First, 0)).Ticket, new AdmitInstanceReply { Outcome = outcome, Text = "why" }, At(0));
        var refused = Assert.IsType<SessionRefused>(Told(_state.TakeEffects(), "s1")).Refused;
        Assert.Equal(reason, refused.Reason);
        Assert.Contains("why", refused.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_gateway_a_session_is_unavailable()
    {
        _state.AdmissionFailed(Admission(Open("s1", First, 0)).Ticket, "down");
        Assert.Equal(Refused.Types.Reason.Unavailable, Assert.IsType<SessionRefused>(Told(_state.TakeEffects(), "s1")).Refused.Reason);
    }

    [Fact]
    public void A_request_that_is_repeated_is_answered_once_and_asked_once()
    {
        var admit = Admission(Open("s1", First, 0));
        Assert.Empty(Open("s1", First, 2));
        Admit(admit, 3);
        Assert.IsType<SessionOpened>(Told(Open("s1", First, 4), "s1"));
    }

    [Fact]
    public void Of_two_streams_of_one_instance_the_later_stays()
    {
        var first = Admission(Open("s1", First, 0));
        var second = Admission(Open("s2", First, 1));
        Admit(second, 2);
        Assert.IsType<SessionSuperseded>(Told(Admit(first, 3), "s1"));
        Assert.Empty(Heartbeat("s2", First, 4).OfType<NodeEffect.Tell>());
    }

    [Fact]
    public void A_new_owner_of_the_node_takes_over_the_session_that_it_hears_of()
    {
        var effects = Heartbeat("s1", First, 0);
        Assert.True(Assert.Single(effects.OfType<NodeEffect.Renew>()).Request.Renew);
        Assert.IsType<SessionRefused>(Told(Open("s2", Second, 5), "s2"));
        Assert.Equal(NodeReachability.Reporting, _state.View(At(1)).Reachability);
    }

    [Fact]
    public void A_lease_is_renewed_at_most_three_times_while_it_lasts()
    {
        Admit(Admission(Open("s1", First, 0)), 0);
        var renewals = Enumerable.Range(1, 15).Sum(second => Heartbeat("s1", First, second).OfType<NodeEffect.Renew>().Count());
        Assert.Equal(3, renewals);
    }

    [Fact]
    public void Lease_and_name_last_no_longer_when_the_clock_is_set_back()
    {
        Admit(Admission(Open("s1", First, 0)), 0);
        _state.Hear(
            new NodeHeartbeat { Node = "gpu-1", Session = "s1", Instance = First, Heartbeat = new Heartbeat() }, "s1", At(5).SetBack());
        Assert.IsType<NodeEffect.Renew>(Assert.Single(_state.TakeEffects()));

        var hello = Wire.Hello("gpu-1");
        hello.Instance = Second;
        _state.Open(new OpenSession { Hello = hello, Session = "s2" }, "s2", At(20).SetBack(2));
        Admission(_state.TakeEffects());
        Assert.Equal(NodeReachability.Unreachable, _state.View(At(36).SetBack(2)).Reachability);
    }

    [Fact]
    public void A_lease_that_is_lost_ends_the_session()
    {
        Admit(Admission(Open("s1", First, 0)), 0);
        _state.Renewed("s1", new AdmitInstanceReply { Outcome = AdmitInstanceReply.Types.Outcome.HeldByAnother });
        Assert.IsType<SessionSuperseded>(Told(_state.TakeEffects(), "s1"));
    }

    [Fact]
    public void An_old_stream_that_is_still_heard_is_told_that_it_is_superseded()
    {
        Admit(Admission(Open("s1", First, 0)), 0);
        Admit(Admission(Open("s2", First, 1)), 1);
        Assert.Equal("s1", Assert.IsType<SessionSuperseded>(Told(Heartbeat("s1", First, 2), "s1")).Session);
    }

    [Theory]
    [InlineData(30, NodeReachability.Reporting)]
    [InlineData(30.1, NodeReachability.Unreachable)]
    public void A_node_that_was_not_heard_is_unreachable_and_its_last_words_stay(double afterSeconds, NodeReachability reachability)
    {
        Heartbeat("s1", First, 0, new Heartbeat { Sources = { new SourceState { Target = "vllm" } } });
        var view = _state.View(At(afterSeconds));
        Assert.Equal(reachability, view.Reachability);
        Assert.Equal("vllm", Assert.Single(view.Sources).Target);
    }

    private static Moment At(double seconds) => Clock.At(DateTimeOffset.UnixEpoch.AddSeconds(1000 + seconds));

    private IReadOnlyList<NodeEffect> Open(string session, ByteString instance, double seconds)
    {
        var hello = Wire.Hello("gpu-1", nextSeq: 5);
        hello.Instance = instance;
        _state.Open(new OpenSession { Hello = hello, Session = session }, session, At(seconds));
        return _state.TakeEffects();
    }

    private IReadOnlyList<NodeEffect> Admit(NodeEffect.Admit admit, double seconds)
    {
        _state.Admitted(admit.Ticket, new AdmitInstanceReply { Outcome = AdmitInstanceReply.Types.Outcome.Admitted, HighestSeq = 4 }, At(seconds));
        return _state.TakeEffects();
    }

    private IReadOnlyList<NodeEffect> Heartbeat(string session, ByteString instance, double seconds, Heartbeat? heartbeat = null)
    {
        _state.Hear(new NodeHeartbeat { Node = "gpu-1", Session = session, Instance = instance, Heartbeat = heartbeat ?? new Heartbeat() }, session, At(seconds));
        return _state.TakeEffects();
    }

    private static NodeEffect.Admit Admission(IReadOnlyList<NodeEffect> effects) => Assert.IsType<NodeEffect.Admit>(Assert.Single(effects));

    private static IMessage Told(IReadOnlyList<NodeEffect> effects, string session) =>
        Assert.Single(effects.OfType<NodeEffect.Tell>(), tell => (string)tell.Session == session).Message;
}
