using System.Diagnostics.CodeAnalysis;
using Akka.Actor;
using Akka.Event;
using FleetVibe.Protocol.V1;
using Grpc.Core;

namespace FleetVibe.Agent.Sources.Push;

/// <summary>
/// Registers collectors and takes their batches, one report at a time. A batch is acknowledged when the spool transaction is
/// written that holds what was counted and how far; see <see cref="CollectorBook"/> for the decisions.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "an actor releases what it holds in PostStop")]
internal sealed class PushSourceActor : UntypedActor, IWithTimers
{
    private static readonly TimeSpan RetryServer = TimeSpan.FromSeconds(5);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly PushSourceSettings _settings;
    private readonly IActorRef _accumulator;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopped = new();
    private readonly Dictionary<CollectorConnection, CollectorSession> _sessions = [];
    private readonly Queue<(CollectorSession Session, IActorRef Service, CollectorBatch Batch)> _batches = new();
    private readonly Dictionary<string, long> _skipped = [];
    private CollectorBook? _book;
    private CollectorBook _stored = CollectorBook.Empty;
    private Task<PushServer>? _server;
    private string? _serverProblem;
    private bool _isServerKnown;
    private IActorRef? _folding;
    private bool _awaitsFold;
    private bool _isBookDue;
    private bool _isStatusDue;

    public PushSourceActor(PushSourceSettings settings, IActorRef accumulator, TimeProvider time)
    {
        _settings = settings;
        _accumulator = accumulator;
        _time = time;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    internal static Props CreateProps(PushSourceSettings settings, IActorRef accumulator, TimeProvider time) =>
        Props.Create(() => new PushSourceActor(settings, accumulator, time));

    protected override void PreStart() => _accumulator.Tell(new SourceMessages.SourceReady(_settings.Key));

    protected override void PostStop()
    {
        _stopped.Cancel();
        foreach (var connection in _sessions.Keys)
        {
            connection.Refuse(StatusCode.Unavailable, "the agent stops: connect again");
        }

        if (_server is { } server)
        {
            _ = DisposeAsync(server);
            if (server.IsCompletedSuccessfully)
            {
                File.Delete(_settings.Socket);
            }
        }
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case SourceMessages.StartSource start when _book is null:
                _book = CollectorBook.Load(start.Checkpoint);

                // What was folded before this start may not be stored yet.
                _isBookDue = _book.Collectors.Count > 0;
                OpenServer();
                Report();
                break;
            case SourceMessages.StartSource:
                break;
            case SourceMessages.CollectDue:
                _isStatusDue = _book is not null;
                Report();
                break;
            case SourceMessages.ReportFolded when _awaitsFold:
                _awaitsFold = false;
                _folding?.Tell(MessageTaken.Instance);
                _folding = null;
                Report();
                break;
            case SourceMessages.ReportFolded:
                break;
            case SourceMessages.ReportStored stored:
                OnStored(stored);
                break;
            case MessageReceived { Message.KindCase: CollectorMessage.KindOneofCase.Hello } received:
                OnHello(received.Connection, received.Message.Hello);
                Sender.Tell(MessageTaken.Instance);
                Report();
                break;
            case MessageReceived { Message.KindCase: CollectorMessage.KindOneofCase.Batch } received:
                OnBatch(received.Connection, received.Message.Batch);
                break;
            case MessageReceived received:
                received.Connection.Refuse(StatusCode.InvalidArgument, "a message that is neither hello nor batch");
                Sender.Tell(MessageTaken.Instance);
                break;
            case ClientFinished finished:
                OnFinished(finished.Connection);
                break;
            case Disconnected disconnected:
                OnDisconnected(disconnected.Connection);
                break;
            case ServerOpened:
                _isServerKnown = true;
                _serverProblem = null;
                _log.Info("Source {0} takes collectors on {1}", _settings.Key, _settings.Socket);
                Report();
                break;
            case ServerFailed failed:
                OnServerFailed(failed.Cause);
                break;
            case OpenServerDue:
                OpenServer();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private static async Task DisposeAsync(Task<PushServer> opening)
    {
        try
        {
            await using var server = await opening;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // It never stood.
        }
    }

    private void OpenServer()
    {
        _server = PushServer.StartAsync(_settings, Self, _stopped.Token);
        _server.PipeTo(Self, success: _ => ServerOpened.Instance, failure: cause => new ServerFailed(cause));
    }

    private void OnServerFailed(Exception cause)
    {
        if (_serverProblem != cause.Message)
        {
            _log.Warning("Source {0} is down: {1}", _settings.Key, cause.Message);
        }

        _isServerKnown = true;
        _serverProblem = cause.Message;
        Report();
        Timers.StartSingleTimer(nameof(OpenServerDue), OpenServerDue.Instance, RetryServer);
    }

    private void OnHello(CollectorConnection connection, CollectorHello hello)
    {
        if (_sessions.ContainsKey(connection))
        {
            connection.Refuse(StatusCode.InvalidArgument, "a second hello on one stream");
        }
        else if (!CollectorBook.IsName(hello.Name))
        {
            connection.Refuse(StatusCode.InvalidArgument, $"\"{hello.Name}\" is no name of a collector: 1 to 64 of A-Z a-z 0-9 . _ - are needed");
        }
        else if (_sessions.Values.Any(session => session.Name == hello.Name))
        {
            connection.Refuse(StatusCode.AlreadyExists, $"collector {hello.Name} is connected: give every collector a name of its own");
        }
        else if (_book!.Register(hello.Name, Guid.NewGuid().ToString("N"), _time.GetUtcNow()) is not { } book)
        {
            connection.Refuse(StatusCode.ResourceExhausted, $"{CollectorBook.MaxCollectors} collectors are registered: keep the name of a collector over its restarts");
        }
        else
        {
            _isBookDue |= !ReferenceEquals(book, _book);
            _book = book;
            var session = new CollectorSession(connection, hello);
            _sessions.Add(connection, session);
            _skipped.TryAdd(hello.Name, 0);
            Answer(session);
        }
    }

    private void OnBatch(CollectorConnection connection, CollectorBatch batch)
    {
        if (!_sessions.TryGetValue(connection, out var session) || !session.IsWelcome)
        {
            connection.Refuse(StatusCode.FailedPrecondition, "a batch before the welcome: say hello, and number batches on from the last_sequence of the welcome");
            Sender.Tell(MessageTaken.Instance);
        }
        else if (BatchReading.IsTooLarge(batch))
        {
            connection.Refuse(StatusCode.InvalidArgument, $"batch {batch.Sequence} has more than {BatchReading.MaxEntries} entries: send smaller ones");
            Sender.Tell(MessageTaken.Instance);
        }
        else
        {
            _batches.Enqueue((session, Sender, batch));
            Report();
        }
    }

    // One report at a time: what is due goes with it, and the next batch that counts.
    private void Report()
    {
        if (_awaitsFold || _book is null)
        {
            return;
        }

        var report = new SourceReport(_settings.Key);
        var counted = NextBatch();
        if (counted is { } batch)
        {
            report = report with { Requests = batch.Requests, Deltas = batch.Deltas, Gauges = batch.Gauges };
        }

        // While the socket is being opened it is neither up nor down.
        var isStatus = _isStatusDue && _isServerKnown;
        var isBook = counted is not null || _isBookDue;
        if (!isBook && !isStatus)
        {
            return;
        }

        if (isBook)
        {
            report = report with { Checkpoint = _book.ToCheckpoint(), TellWhenStored = true };
            _isBookDue = false;
        }

        _accumulator.Tell(isStatus ? WithStatus(report) : report);
        _isStatusDue &= !isStatus;
        _awaitsFold = true;
    }

    private ReadBatch? NextBatch()
    {
        while (_batches.TryDequeue(out var next))
        {
            var (session, service, batch) = next;
            switch (_book!.Judge(session.Name, batch.Sequence))
            {
                case SequenceVerdict.Next:
                    var read = BatchReading.Read(_settings, session.Hello, batch);
                    session.Skip(read.Skipped, read.SkippedWhy);
                    _skipped[session.Name] += read.Skipped;
                    _book = _book.Advance(session.Name, batch.Sequence, _time.GetUtcNow());
                    _folding = service;
                    return read;
                case SequenceVerdict.Duplicate:
                    session.IsAckDue = true;
                    Answer(session);
                    break;
                case SequenceVerdict.Gap:
                    session.Connection.Refuse(
                        StatusCode.FailedPrecondition, $"batch {batch.Sequence} came after {_book.Collectors[session.Name].Last}: send {_book.Collectors[session.Name].Last + 1} first, or connect again and number on from the welcome");
                    break;
            }

            service.Tell(MessageTaken.Instance);
        }

        return null;
    }

    private void OnStored(SourceMessages.ReportStored message)
    {
        _stored = message.Checkpoint is { } checkpoint ? CollectorBook.Load(checkpoint) : _stored;
        foreach (var session in _sessions.Values)
        {
            Answer(session);
        }
    }

    // Says nothing that a crash could still take back.
    private void Answer(CollectorSession session)
    {
        if (!_stored.Collectors.TryGetValue(session.Name, out var stored))
        {
            return;
        }

        var isAllStored = _book!.IsStoredIn(_stored, session.Name);
        if (!session.IsWelcome && isAllStored)
        {
            session.IsWelcome = true;
            session.Acked = stored.Last;
            session.Connection.Send(new CollectorWelcome { Epoch = stored.Epoch, LastSequence = stored.Last });
        }
        else if (session.IsWelcome && (stored.Last > session.Acked || session.IsAckDue))
        {
            session.Acked = stored.Last;
            session.IsAckDue = false;
            session.Connection.Send(session.TakeAck());
        }

        if (session.IsFinished && isAllStored)
        {
            session.Connection.End();
        }
    }

    private void OnFinished(CollectorConnection connection)
    {
        if (_sessions.TryGetValue(connection, out var session))
        {
            session.IsFinished = true;
            Answer(session);
        }
        else
        {
            connection.End();
        }
    }

    private void OnDisconnected(CollectorConnection connection)
    {
        _sessions.Remove(connection);

        // What it had not taken is sent again, perhaps as another batch of the same number.
        for (var left = _batches.Count; left > 0; left--)
        {
            var waiting = _batches.Dequeue();
            if (waiting.Session.Connection != connection)
            {
                _batches.Enqueue(waiting);
            }
        }
    }

    private SourceReport WithStatus(SourceReport report)
    {
        var now = _time.GetUtcNow();
        var connected = _sessions.Values.Select(session => session.Name).ToHashSet(StringComparer.Ordinal);
        CollectionStatus Of(ErrorClass? error, string text, long skipped) => new(now, error, text, TimeSpan.Zero, skipped, 0);
        var collectors = _skipped.Keys.Order(StringComparer.Ordinal).Select(name => new CollectorStatus(
            name, connected.Contains(name) ? Of(null, "", _skipped[name]) : Of(ErrorClass.Connect, $"collector {name} is not connected", _skipped[name]))).ToList();

        // One that left is told once more, as down.
        foreach (var name in _skipped.Keys.ToList())
        {
            _skipped[name] = 0;
            if (!connected.Contains(name))
            {
                _skipped.Remove(name);
            }
        }

        return report with
        {
            Status = Of(_serverProblem is null ? null : ErrorClass.Permission, _serverProblem ?? "", 0),
            Collectors = collectors,
        };
    }

    /// <summary>From the service; answered by <see cref="MessageTaken"/> when the next one may come.</summary>
    internal sealed record MessageReceived(CollectorConnection Connection, CollectorMessage Message) : INoSerializationVerificationNeeded;

    internal sealed class MessageTaken : INoSerializationVerificationNeeded, IDeadLetterSuppression
    {
        internal static MessageTaken Instance { get; } = new();
    }

    /// <summary>From the service: the client sends no more, and waits for its acks.</summary>
    internal sealed record ClientFinished(CollectorConnection Connection) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    internal sealed record Disconnected(CollectorConnection Connection) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed class ServerOpened : INoSerializationVerificationNeeded, IDeadLetterSuppression
    {
        internal static ServerOpened Instance { get; } = new();
    }

    private sealed record ServerFailed(Exception Cause) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed class OpenServerDue : INoSerializationVerificationNeeded, IDeadLetterSuppression
    {
        internal static OpenServerDue Instance { get; } = new();
    }
}
