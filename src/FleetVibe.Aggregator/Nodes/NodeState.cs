using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Aggregator.Nodes;

/// <summary>What the state of a node wants done.</summary>
internal abstract record NodeEffect
{
    private NodeEffect()
    {
    }

    /// <summary>Ask the gateway for the lease; the answer belongs to the ticket.</summary>
    internal sealed record Admit(long Ticket, AdmitInstanceRequest Request) : NodeEffect;

    /// <summary>Prolong the lease of the holder.</summary>
    internal sealed record Renew(string Session, AdmitInstanceRequest Request) : NodeEffect;

    internal sealed record Tell(object Session, IMessage Message) : NodeEffect;

    /// <summary>Two agents have one name: somebody has to look.</summary>
    internal sealed record Alarm(string Text) : NodeEffect;
}

/// <summary>
/// Who reports as one node: one session of one spool instance. Knows no actor, no clock and no gateway; what it wants
/// done it leaves in <see cref="TakeEffects"/>.
/// </summary>
/// <param name="node">Its name.</param>
/// <param name="unreachable">Not heard for longer than this, it counts as gone.</param>
internal sealed class NodeState(string node, TimeSpan unreachable)
{
    private const int MostAlarms = 100;

    private readonly Dictionary<long, Opening> _openings = [];
    private readonly HashSet<Guid> _alarmed = [];
    private List<NodeEffect> _effects = [];
    private Holder? _holder;
    private Moment? _lastHeard;
    private TimeSpan _renewAt;
    private long _lastTicket;
    private Heartbeat _heartbeat = new();
    private string _version = "";

    public IReadOnlyList<NodeEffect> TakeEffects()
    {
        var taken = _effects;
        _effects = [];
        return taken;
    }

    public void Open(OpenSession request, object session, Moment now)
    {
        if (_holder is { Opened: { } opened } && _holder.Session == request.Session)
        {
            Tell(session, opened);
            return;
        }

        var instance = RecordKey.InstanceFromWire(request.Hello.Instance);
        if (_holder is not null && _holder.Instance != instance && Silence(now) < NodeLease.Lasts)
        {
            RefuseName(instance, request.Session, session,
                $"node \"{node}\" is held by another agent, heard {Silence(now).TotalSeconds:0} s ago: give this one a name of its own, or stop the other; where that was an earlier run of this one, it is let in after {NodeLease.Lasts.TotalSeconds:0} s");
            return;
        }

        if (_openings.Values.Any(opening => opening.Request.Session == request.Session))
        {
            return;
        }

        _openings[++_lastTicket] = new Opening(request, instance, session);
        _effects.Add(new NodeEffect.Admit(
            _lastTicket,
            new AdmitInstanceRequest
            {
                Node = node, Instance = request.Hello.Instance, NextSeq = request.Hello.NextSeq,
                Floor = request.Hello.Floor, HighestAcked = request.Hello.HighestAcked, ReadsFromStart = request.Hello.ReadsFromStart,
            }));
    }

    public void Admitted(long ticket, AdmitInstanceReply reply, Moment now)
    {
        if (!_openings.Remove(ticket, out var opening))
        {
            return;
        }

        var id = opening.Request.Session;
        switch (reply.Outcome)
        {
            case AdmitInstanceReply.Types.Outcome.Admitted when _holder is not null && _holder.Ticket > ticket:
                // A later stream got its answer first.
                Tell(opening.Session, new SessionSuperseded { Session = id });
                break;
            case AdmitInstanceReply.Types.Outcome.Admitted:
                Supersede(exceptSession: id);
                var opened = new SessionOpened { Session = id, HighestSeq = reply.HighestSeq };
                _holder = new Holder(id, opening.Instance, opening.Session, ticket, opened);
                _version = opening.Request.Hello.Version;
                _heartbeat = new Heartbeat { Sources = { opening.Request.Hello.Sources }, Series = { opening.Request.Hello.Series } };
                Hear(now);
                _renewAt = now.Up + NodeLease.RenewEvery;
                Tell(opening.Session, opened);
                break;
            case AdmitInstanceReply.Types.Outcome.HeldByAnother:
                RefuseName(opening.Instance, id, opening.Session, reply.Text);
                break;
            case AdmitInstanceReply.Types.Outcome.RolledBack:
                Refuse(id, opening.Session, Refused.Types.Reason.SpoolRolledBack, reply.Text);
                break;
            default:
                Refuse(id, opening.Session, Refused.Types.Reason.Unavailable, $"the gateway answered {reply.Outcome}: {reply.Text}");
                break;
        }
    }

    public void AdmissionFailed(long ticket, string error)
    {
        if (_openings.Remove(ticket, out var opening))
        {
            Refuse(opening.Request.Session, opening.Session, Refused.Types.Reason.Unavailable, $"no gateway answers: {error}");
        }
    }

    public void Hear(NodeHeartbeat heartbeat, object session, Moment now)
    {
        var instance = RecordKey.InstanceFromWire(heartbeat.Instance);
        if (_holder is null || (_holder.Session != heartbeat.Session && Silence(now) >= NodeLease.Lasts))
        {
            // Granted by the owner before this one: the gateway still holds its lease, or refuses to renew it.
            Supersede(exceptSession: heartbeat.Session);
            _holder = new Holder(heartbeat.Session, instance, session, ++_lastTicket, Opened: null);
            _renewAt = now.Up;
        }
        else if (_holder.Session != heartbeat.Session)
        {
            Tell(session, new SessionSuperseded { Session = heartbeat.Session });
            return;
        }

        _heartbeat = heartbeat.Heartbeat;
        _version = heartbeat.Version;
        Hear(now);
        if (now.Up >= _renewAt)
        {
            _renewAt = now.Up + NodeLease.RenewEvery;
            _effects.Add(new NodeEffect.Renew(
                heartbeat.Session, new AdmitInstanceRequest { Node = node, Instance = heartbeat.Instance, Renew = true }));
        }
    }

    public void Renewed(string session, AdmitInstanceReply reply)
    {
        if (_holder?.Session == session && reply.Outcome == AdmitInstanceReply.Types.Outcome.HeldByAnother)
        {
            Supersede(exceptSession: "");
            _holder = null;
        }
    }

    /// <summary>The stream is gone; the name stays with its instance until its lease is over.</summary>
    public void Close(SessionClosed closed)
    {
        if (_holder?.Session == closed.Session)
        {
            _holder = _holder with { Session = "", Connection = null, Opened = null };
        }
    }

    public NodeView View(Moment now) => new()
    {
        Node = node,
        Reachability = ReachabilityAt(now),
        LastHeardUnixMs = _lastHeard?.Utc.ToUnixTimeMilliseconds() ?? 0,
        AgentVersion = _version,
        Sources = { _heartbeat.Sources },
        Gpus = { _heartbeat.Gpus },
        Ledger = _heartbeat.Ledger,
        Series = { _heartbeat.Series },
    };

    public NodeReachability ReachabilityAt(Moment now) =>
        _lastHeard is null ? NodeReachability.Unknown
        : Silence(now) > unreachable ? NodeReachability.Unreachable
        : NodeReachability.Reporting;

    /// <summary>When the node was heard last; null where never.</summary>
    public Moment? LastHeard => _lastHeard;

    private void Hear(Moment now) => _lastHeard = now;

    private TimeSpan Silence(Moment now) => now.Up - (_lastHeard?.Up ?? TimeSpan.Zero);

    private void Supersede(string exceptSession)
    {
        if (_holder is { Connection: { } connection } && _holder.Session != exceptSession)
        {
            Tell(connection, new SessionSuperseded { Session = _holder.Session });
        }
    }

    // It comes back every few seconds; one alarm for each that had to be refused is enough.
    private void RefuseName(Guid instance, string id, object session, string text)
    {
        Refuse(id, session, Refused.Types.Reason.NodeHeld, text);
        if (_alarmed.Count < MostAlarms && _alarmed.Add(instance))
        {
            _effects.Add(new NodeEffect.Alarm($"a second agent calls itself \"{node}\" and is refused: {text}"));
        }
    }

    private void Refuse(string id, object session, Refused.Types.Reason reason, string text) =>
        Tell(session, new SessionRefused { Session = id, Refused = new Refused { Reason = reason, Text = text } });

    private void Tell(object session, IMessage message) => _effects.Add(new NodeEffect.Tell(session, message));

    private sealed record Opening(OpenSession Request, Guid Instance, object Session);

    private sealed record Holder(string Session, Guid Instance, object? Connection, long Ticket, SessionOpened? Opened);
}
