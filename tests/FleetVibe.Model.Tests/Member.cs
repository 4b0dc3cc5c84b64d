using FleetVibe.Aggregator;
using FleetVibe.Aggregator.Series;
using FleetVibe.Aggregator.Sessions;
using FleetVibe.Protocol.V1;
using Google.Protobuf;
using Record = FleetVibe.Protocol.V1.Record;

namespace FleetVibe.Model.Tests;

/// <summary>One aggregator: its sessions, and the series that it believes to own.</summary>
internal sealed class Member(World world, int number)
{
    internal const int Credits = 8;

    private static readonly TimeSpan Unreachable = TimeSpan.FromSeconds(30);

    private readonly List<Session> _sessions = [];
    private readonly Dictionary<string, Entity> _entities = [];
    private DateTimeOffset _pausedUntil;

    internal string Name { get; } = $"a{number}";

    /// <summary>By series: the member that this one takes for the owner.</summary>
    internal Dictionary<string, int> View { get; } = [];

    internal bool IsPaused => world.Now < _pausedUntil;

    internal IReadOnlyCollection<Entity> Entities => _entities.Values;

    internal Session Open(AgentNode agent, ByteString instance)
    {
        // A node has one session; that of an earlier stream may still be about, here or on another member.
        var session = new Session(world, this, agent, new OutstandingRecords(agent.Name, instance));
        _sessions.Add(session);
        return session;
    }

    /// <summary>Hands a message to the series' owner, whoever that is in this member's eyes.</summary>
    internal void ToSeries(SeriesKey series, string what, Action<SeriesState, Moment> act)
    {
        var owner = world.Members[View.GetValueOrDefault(series.Model)];
        world.Network.Send($"{what} to {series.Model}@{owner.Name}", owner, () => owner.EntityOf(series).Do(act));
    }

    internal void Tick()
    {
        _sessions.RemoveAll(session => !session.IsAlive);
        foreach (var session in _sessions)
        {
            session.Resend();
            if (session.Agent.Session == session)
            {
                session.LastHeard = world.Now;
            }
            else if (world.Now - session.LastHeard > Unreachable)
            {
                session.End();
            }
        }
    }

    internal void TickSeries()
    {
        foreach (var entity in _entities.Values.ToList())
        {
            entity.Do((state, now) => state.Tick(now));
        }
    }

    internal void Pause(TimeSpan time) => _pausedUntil = world.Now + time;

    internal void Crash()
    {
        _pausedUntil = default;
        foreach (var session in _sessions)
        {
            session.End();
        }

        _sessions.Clear();
        ForgetSeries(_entities.Keys.ToList());
    }

    internal void ForgetSeries(IEnumerable<string> series)
    {
        foreach (var name in series)
        {
            if (_entities.Remove(name, out var entity))
            {
                entity.IsGone = true;
            }
        }
    }

    private Entity EntityOf(SeriesKey series)
    {
        if (!_entities.TryGetValue(series.Model, out var entity))
        {
            _entities[series.Model] = entity = new Entity(world, this, series);
            world.Count("owners started");
            entity.Do((state, _) => state.Start());
        }

        return entity;
    }
}

/// <summary>One agent's stream as its aggregator sees it, over the real bookkeeping.</summary>
internal sealed class Session(World world, Member home, AgentNode agent, OutstandingRecords records)
{
    internal Member Home => home;

    internal AgentNode Agent => agent;

    internal bool IsAlive { get; private set; } = true;

    internal DateTimeOffset LastHeard { get; set; } = world.Now;

    /// <summary>In order; what is in here when the stream ends is gone.</summary>
    internal Queue<Record> Up { get; } = [];

    internal Queue<Ack> Down { get; } = [];

    internal void End()
    {
        IsAlive = false;
        if (agent.Session == this)
        {
            agent.CutStream();
        }
    }

    internal void Receive(int most)
    {
        for (var i = 0; i < most && IsAlive && !home.IsPaused && Up.TryDequeue(out var record); i++)
        {
            if (records.Contains(record.Seq))
            {
                continue;
            }

            if (records.Count >= Member.Credits || record.Floor > record.Seq)
            {
                throw new Violation("credits", $"{agent.Name} sends record {record.Seq} (floor {record.Floor}) beside {records.Count} others");
            }

            world.Note($"{home.Name} takes record {record.Seq} of {agent.Name}");
            SendAll(records.Add(record, world.Moment));
        }
    }

    internal void Resend() => SendAll(records.TakeDue(world.Moment));

    /// <summary>What is done goes down the stream, and arrives unless the stream ends first.</summary>
    internal void Acknowledge(bool arrives)
    {
        if (home.IsPaused || !IsAlive)
        {
            return;
        }

        if (records.HasDone)
        {
            Down.Enqueue(records.TakeAck());
        }

        if (arrives && agent.Session == this && Down.TryDequeue(out var ack))
        {
            agent.TakeAck(ack);
        }
    }

    internal void Declare(IEnumerable<SeriesKey> series)
    {
        foreach (var key in series)
        {
            var declaration = new DeclareHost { Series = key, Host = agent.Name };
            home.ToSeries(key, "declaration of " + agent.Name, (state, now) => state.Declare(declaration, now));
        }
    }

    internal void Settle(ContributionSettled settled)
    {
        if (IsAlive)
        {
            records.Settle(settled);
        }
    }

    internal void Hold(ContributionHeld held)
    {
        if (IsAlive)
        {
            records.Hold(held, world.Moment);
        }
    }

    private void SendAll(IReadOnlyList<OutgoingPart> parts)
    {
        foreach (var part in parts)
        {
            switch (part.Message)
            {
                case MergeContribution contribution:
                    home.ToSeries(
                        contribution.Key.Series,
                        $"record {part.Seq} of {agent.Name} for {WindowId.Of(contribution.Key)}",
                        (state, now) => state.Merge(contribution.Clone(), this, now));
                    break;
                case RefusePartRequest request:
                    records.Asked(part.Seq, part.Part);
                    world.Network.Call(
                        $"refusal of record {part.Seq} of {agent.Name}",
                        home,
                        () => world.Store.Refuse(request.Clone()),
                        reply => records.GatewayAnswered(part.Seq, part.Part, reply.Fate),
                        () => records.GatewayFailed(part.Seq, part.Part, world.Moment));
                    break;
                case PutPointsRequest request:
                    records.Asked(part.Seq, part.Part);
                    world.Network.Call(
                        $"points of record {part.Seq} of {agent.Name}",
                        home,
                        () => world.Store.PutPoints(request.Clone()),
                        _ => records.GatewayAnswered(part.Seq, part.Part, Fate.Committed),
                        () => records.GatewayFailed(part.Seq, part.Part, world.Moment));
                    break;
                default:
                    throw new InvalidOperationException($"no arm for {part.Message.Descriptor.Name}");
            }
        }
    }
}

/// <summary>One owner of one series: the real state, and what its actor would do with the effects.</summary>
internal sealed class Entity(World world, Member home, SeriesKey series)
{
    private static readonly SeriesRules Rules = new() { HostLeavesExpected = TimeSpan.FromMinutes(2) };

    private readonly SeriesState _state = new(series, Rules);

    /// <summary>Forgotten by its member: what still answers to it is answered in vain.</summary>
    internal bool IsGone { get; set; }

    internal void Do(Action<SeriesState, Moment> act)
    {
        if (IsGone)
        {
            return;
        }

        act(_state, world.Moment);
        foreach (var effect in _state.TakeEffects())
        {
            Run(effect);
        }
    }

    private void Run(SeriesEffect effect)
    {
        switch (effect)
        {
            case SeriesEffect.LoadOpen:
                world.Network.Call(
                    $"load of {series.Model}@{home.Name}", home, () => world.Store.LoadOpen(series),
                    reply => Do((state, now) => state.OpenWindowsLoaded(reply, now)), () => Do((state, now) => state.OpenWindowsFailed(now)));
                break;
            case SeriesEffect.Load load:
                var key = load.Window.ToWire(series);
                world.Network.Call(
                    $"load of {WindowId.Of(key)}@{home.Name}", home, () => world.Store.Load(key),
                    window => Do((state, now) => state.WindowLoaded(load.Window, load.Ticket, window, now)),
                    () => Do((state, now) => state.WindowLoadFailed(load.Window, load.Ticket, now)));
                break;
            case SeriesEffect.Commit commit:
                world.Network.Call(
                    $"commit {commit.Ticket} of {WindowId.Of(commit.Request.Key)}@{home.Name} on {commit.Request.BaseRevision}", home,
                    () => world.Store.Commit(commit.Request.Clone()),
                    reply => Do((state, now) => state.CommitAnswered(commit.Window, commit.Ticket, commit.Request, reply, now)),
                    () => Do((state, now) => state.CommitFailed(commit.Window, commit.Ticket, now)));
                break;
            case SeriesEffect.Refuse refuse:
                world.Network.Call(
                    $"refusal ({refuse.Request.Fate}) of record {refuse.Request.Part.Record.Seq} of {refuse.Request.Part.Record.Node}", home,
                    () => world.Store.Refuse(refuse.Request.Clone()),
                    reply => Answer(refuse, reply.Fate),
                    () => { });
                break;
            case SeriesEffect.Answer answer:
                Answer((Session)answer.ReplyTo, answer.Message);
                break;
            case SeriesEffect.Alarm alarm:
                world.Note($"alarm: {alarm.Text}");
                world.Count("alarms");
                break;
            default:
                throw new InvalidOperationException($"no arm for {effect.GetType().Name}");
        }
    }

    private void Answer(SeriesEffect.Refuse refuse, Fate standing) => Answer((Session)refuse.ReplyTo, new ContributionSettled
    {
        Key = refuse.Request.Key,
        Record = refuse.Request.Part.Record,
        Fate = refuse.Forged ? Fate.Undecodable : standing,
        Duplicate = standing != refuse.Request.Fate,
    });

    private void Answer(Session session, IMessage message)
    {
        switch (message)
        {
            case ContributionHeld held when world.Mutant == Mutant.AckMem:
                var early = new ContributionSettled { Key = held.Key, Record = held.Record, Fate = Fate.Committed };
                world.Network.Send($"settled, record {held.Record.Seq}", session.Home, () => session.Settle(early));
                break;
            case ContributionHeld held:
                world.Network.Send($"held, record {held.Record.Seq}", session.Home, () => session.Hold(held));
                break;
            case ContributionSettled settled:
                world.Network.Send($"settled {settled.Fate}, record {settled.Record.Seq} of {settled.Record.Node}", session.Home, () => session.Settle(settled));
                break;
            default:
                throw new InvalidOperationException($"no arm for {message.Descriptor.Name}");
        }
    }
}
