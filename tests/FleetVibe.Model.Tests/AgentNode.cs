using FleetVibe.Agent;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Points;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using FleetVibe.Agent.Uplink;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Google.Protobuf;
using Record = FleetVibe.Protocol.V1.Record;

namespace FleetVibe.Model.Tests;

/// <summary>
/// One agent: a log as its source, and the real accumulator, spool and send queue. What its actors would do with them is
/// done here, one step at a time.
/// </summary>
internal sealed partial class AgentNode : IDisposable
{
    private const int BacklogPage = 64;

    private static readonly AgentSettings Template = new()
    {
        Node = "",
        DataDirectory = "",
        Aggregators = new PeerSettings { Addresses = [new Uri("http://127.0.0.1:1")] },
        Sources = [new JsonLogSourceSettings { Path = "/requests.jsonl", Name = "log" }],
    };

    private readonly World _world;
    private readonly string _folder;
    private readonly AgentSettings _settings;
    private readonly WindowCloser _closer;
    private readonly List<int> _log = [];
    private readonly List<Point> _events = [];
    private HashSet<ulong> _held = [];
    private SpoolFile _file = null!;
    private SpoolStore _store = null!;
    private AccumulatorState _state = null!;
    private SendQueue? _queue;
    private int _read;

    // Where in the log this spool instance began.
    private int _began;
    private bool _handshakeIsOverdue;
    private bool _replaced;

    internal AgentNode(World world, int number, string folder)
    {
        _world = world;
        _folder = folder;
        Name = $"n{number}";
        _settings = Template with { Node = Name };
        _closer = new WindowCloser(_settings);
        _file = SpoolFile.Lock(folder);
        _store = SpoolStore.Open(_file.Open(), false, world.Now);
        Boot();
    }

    internal string Name { get; }

    internal Session? Session { get; private set; }

    internal Guid Instance { get; private set; }

    internal Ledger Ledger => Status.Ledger;

    /// <summary>After the last operation.</summary>
    internal SpoolStatus Status { get; private set; } = null!;

    /// <summary>The spool is a copy of itself, and the handshake has yet to find that.</summary>
    internal bool IsRolledBack => _handshakeIsOverdue;

    /// <summary>Its points are whole: no spool was lost, and no window's content was gone when a late line came.</summary>
    internal bool TellsWholeWindows => !_replaced && Ledger is { NodePointsSkipped: 0, NodePointsCoalesced: 0 };

    internal bool HasReadAll => _read == _log.Count && _state.OpenRequests == 0;

    internal bool HasRecords => Status.Records > 0;

    private string SourceKey => _settings.Sources[0].Key;

    internal void Produce(int request) => _log.Add(request);

    internal void Read(int lines, bool withStatus)
    {
        var upTo = Math.Min(_log.Count, _read + lines);
        if (upTo == _read && !withStatus)
        {
            return;
        }

        _world.Note($"{Name} reads {Bag.Text(_log[_read..upTo])}");
        _state.Fold(
            new SourceReport(SourceKey)
            {
                Requests = [.. _log[_read..upTo].Select(id => Observation(_world.Truth.Requests[id]))],
                Status = withStatus ? new CollectionStatus(_world.Now, null, "", TimeSpan.Zero, 0, 0) : null,
                Checkpoint = BitConverter.GetBytes(upTo),
            },
            _world.Now);
        _read = upTo;
    }

    /// <summary>One spool transaction, where one is due.</summary>
    internal void Store(bool force, bool closeNothing = false)
    {
        if (!force && _events.Count == 0 && !_state.IsTransactionDue(_world.Now))
        {
            return;
        }

        var batch = _state.TakeBatch(_world.Now, closeNothing ? 0 : _queue?.OfferBudget ?? 0, closeNothing) with { Events = [.. _events] };
        _events.Clear();
        if (_world.Mutant == Mutant.OpenLost)
        {
            batch = batch with { Open = [], OpenRequests = 0, Seen = batch.Closing.Sum(closing => closing.Part.CountedRequests) };
        }

        var result = _store.Commit(batch, _closer);
        foreach (var record in result.Records)
        {
            _held.Add(record.Seq);
            if (record.IsLive)
            {
                _queue?.AddLive(record.Seq);
            }
            else
            {
                _queue?.NoteBacklog();
            }
        }

        if (result.Records.Count > 0)
        {
            _world.Note($"{Name} closes {string.Join(' ', batch.Closing.Select(c => c.Part.Start % 100_000))} into records {string.Join(' ', result.Records.Select(r => r.Seq))}");
        }

        CheckLedger();
    }

    internal void Connect(Member member, bool answerIsLost)
    {
        if (Session is not null || member.IsPaused)
        {
            return;
        }

        var hello = _store.Status;
        var instance = ByteString.CopyFrom(hello.Instance);
        var reply = _world.Store.Admit(new AdmitInstanceRequest
        {
            Node = Name, Instance = instance, NextSeq = hello.HighestOffered + 1, ReadsFromStart = hello is { HighestOffered: 0, ReplacedLostAt: null },
        });
        if (answerIsLost)
        {
            return;
        }

        _world.Note($"{Name} says hello to {member.Name}: {reply.Outcome}");
        if (reply.Outcome == AdmitInstanceReply.Types.Outcome.HeldByAnother)
        {
            return;
        }

        if (reply.Outcome == AdmitInstanceReply.Types.Outcome.RolledBack || reply.HighestSeq > hello.HighestOffered)
        {
            if (!_handshakeIsOverdue)
            {
                throw new Violation("P1", $"{Name} has records up to {hello.HighestOffered} offered and the gateway up to {reply.HighestSeq} used, though no spool went back in time");
            }

            _world.Count("rolled back spools found");
            ReplaceSpool();
            return;
        }

        _handshakeIsOverdue = false;
        Session = member.Open(this, instance);
        _state.SetClockOffset(TimeSpan.Zero);
        _queue = new SendQueue(Member.Credits, _store.OfferedSequences());
        _events.Add(EventPoints.Of(Name, EventPoints.SourcesChanged, EventPoints.Info, "connected", _world.Now));
        Status = _store.CountReconnect();
    }

    internal void Heartbeat()
    {
        if (Session is { IsAlive: true, Home.IsPaused: false } session)
        {
            var renewed = _world.Store.Admit(new AdmitInstanceRequest { Node = Name, Instance = ByteString.CopyFrom(Status.Instance), Renew = true });
            if (renewed.Outcome == AdmitInstanceReply.Types.Outcome.Admitted)
            {
                session.Declare(_state.Describe(_world.Now).Series);
            }
        }
    }

    internal void Upload()
    {
        if (_queue is null)
        {
            return;
        }

        if (_queue.BacklogWanted)
        {
            _queue.AddBacklog(_store.Backlog(BacklogPage), BacklogPage);
        }

        var asked = _queue.Take();
        if (asked.Count == 0)
        {
            return;
        }

        var offered = _store.Offer(asked);
        foreach (var (seq, content) in offered.Records)
        {
            _world.Truth.Offer(new RecordKey(Name, Instance, seq), content);
            Session!.Up.Enqueue(new Record { Seq = seq, Floor = offered.Floor, Content = Damaged(content) });
        }

        if (offered.Records.Count < asked.Count)
        {
            _queue.Forget([.. asked.Except(offered.Records.Select(record => record.Seq))]);
        }
    }

    internal void TakeAck(Ack ack)
    {
        _world.Note($"{Name} is acknowledged {string.Join(' ', ack.Ranges.Select(range => $"{range.First}-{range.Last}"))}");
        foreach (var seq in _held.Where(seq => ack.Ranges.Any(range => seq >= range.First && seq <= range.Last)).ToList())
        {
            var record = new RecordKey(Name, Instance, seq);
            _world.Invariants.CheckForgotten(record);
            _held.Remove(seq);
            _world.Truth.Acknowledged.UnionWith(
                _world.Truth.Records[record].Contributions.SelectMany(part => _world.Truth.Parts[new PartId(record, part.Series.Model)].Requests));
        }

        Status = _store.Acknowledge(ack.Ranges, ack.Refused);
        _queue?.Acknowledge(ack.Ranges);
        CheckLedger();
    }

    internal void CutStream()
    {
        if (Session is not null)
        {
            Session.Up.Clear();
            Session.Down.Clear();
            Session = null;
            _queue = null;
        }
    }

    public void Dispose()
    {
        _store.Dispose();
        _file.Dispose();
    }

    private static RequestObservation Observation(Produced request) =>
        new(request.Series, request.At, Bag.SecondsOf(request.Id), null, 1, 2, RequestOutcome.Success, false);

    private void Boot()
    {
        _events.Clear();
        var contents = _store.Load();
        Status = contents.Status;
        Instance = RecordKey.InstanceFromWire(ByteString.CopyFrom(Status.Instance));
        _state = new AccumulatorState(_settings, _world.Now, contents.Open, contents.Checkpoints, contents.ClockOffset);
        var watched = _store.Watch(SourceKey, _world.Now);
        var checkpoint = _state.CheckpointOf(SourceKey);
        _read = checkpoint is not null ? BitConverter.ToInt32(checkpoint) : watched.IsFresh ? _log.Count : 0;
        if (checkpoint is null && watched.IsFresh)
        {
            // A lost spool was replaced: the log goes on from its end, and what nobody can tell any more is the gap.
            _world.Truth.Gap.UnionWith(_log[.._read].Except(_world.Truth.Acknowledged));
            _began = _read;
            _state.Fold(new SourceReport(SourceKey) { Checkpoint = BitConverter.GetBytes(_read) }, _world.Now);
        }

        CheckLedger();
    }

    // Only bytes that no window can take: the counts of its distribution do not add up. The record's content decides.
    private RecordContent Damaged(RecordContent content)
    {
        if (!content.Contributions.Any(part => _world.Truth.HoldsPoison(part.Totals)))
        {
            return content;
        }

        var damaged = content.Clone();
        foreach (var part in damaged.Contributions.Where(part => _world.Truth.HoldsPoison(part.Totals)))
        {
            part.Totals.ResponseTime.ExactCount++;
        }

        return damaged;
    }

    private void CheckLedger()
    {
        Status = _store.Status;
        var ledger = Status.Ledger;
        if (!ledger.AddsUp)
        {
            throw new Violation("I4", $"the ledger of {Name} does not add up: seen {ledger.Seen}, open {ledger.Open}, spooled {ledger.Spooled}");
        }

        if (_world.Mutant != Mutant.OpenLost && _state.CheckpointOf(SourceKey) is { } checkpoint && ledger.Seen > BitConverter.ToInt32(checkpoint) - _began)
        {
            throw new Violation("I4", $"{Name} has {ledger.Seen} requests in its ledger, and read {BitConverter.ToInt32(checkpoint) - _began}");
        }
    }
}
