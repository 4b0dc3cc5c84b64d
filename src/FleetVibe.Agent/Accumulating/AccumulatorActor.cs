using System.Globalization;
using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Points;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using Microsoft.Data.Sqlite;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;
using Point = FleetVibe.Protocol.V1.Point;

namespace FleetVibe.Agent.Accumulating;

/// <summary>
/// Folds reports, and writes one spool transaction after the other. While a transaction fails or the spool is full it
/// answers no report, so that sources wait: what they have not read is safe where it is.
/// </summary>
internal sealed partial class AccumulatorActor : UntypedActor, IWithTimers
{
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private AgentSettings _settings;
    private readonly SpoolWorker _spool;
    private readonly TimeProvider _time;
    private readonly AccumulatorState _state;
    private WindowCloser _closer;
    private readonly List<(string Key, IActorRef Source)> _waiting = [];
    private readonly List<Point> _events = [];
    private readonly Dictionary<string, IActorRef> _waitingToStart = [];
    private readonly Dictionary<string, IActorRef> _unstored = [];
    private IReadOnlyDictionary<string, IActorRef> _beingStored = new Dictionary<string, IActorRef>();
    private SpoolStatus _status;
    private SpoolBatch? _inFlight;
    private IActorRef _uplink = ActorRefs.Nobody;
    private IActorRef? _stopper;
    private int _offerBudget;
    private bool _failing;
    private bool _capWarned;
    private bool _variantsWarned;

    public AccumulatorActor(AgentSettings settings, SpoolWorker spool, SpoolContents contents, TimeProvider time)
    {
        _settings = settings;
        _spool = spool;
        _time = time;
        _status = contents.Status;
        _state = new AccumulatorState(settings, time.GetUtcNow(), contents.Open, contents.Checkpoints, contents.ClockOffset);
        _closer = new WindowCloser(settings);
        if (contents.LostWhy is { } why)
        {
            Raise(EventPoints.SpoolLost, EventPoints.Error, $"the spool was set aside ({why}) and a new one began: what it held is not sent, logs go on from their end, counters from a baseline");
        }
    }

    public ITimerScheduler Timers { get; set; } = null!;

    internal static Props CreateProps(AgentSettings settings, SpoolWorker spool, SpoolContents contents, TimeProvider time) =>
        Props.Create(() => new AccumulatorActor(settings, spool, contents, time));

    protected override void PreStart()
    {
        Timers.StartPeriodicTimer(nameof(TransactionDue), TransactionDue.Instance, TickInterval);
        OnStatus(_status);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case SourceReport report:
#if BREAK_CHECKPOINTOUTSIDETRANSACTION
                if (report.Checkpoint is { } ahead)
                {
                    var checkpoints = new Dictionary<string, byte[]> { [report.SourceKey] = ahead };
                    var (at, offset) = (_time.GetUtcNow(), _state.ClockOffset);
                    _spool.RunAsync(store => store.Commit(new SpoolBatch { At = at, ClockOffset = offset, Checkpoints = checkpoints, OpenRequests = store.Status.Ledger.Open }, _closer));
                }
#endif
                _state.Fold(report, _time.GetUtcNow());
                // Points of one kind and moment would be one point.
                _events.AddRange(report.Events.Select((happened, i) => EventPoints.Of(
                    _settings.Node, happened.Kind, EventPoints.NameOf(happened.Severity), happened.Text, (happened.At + _state.ClockOffset).AddTicks(i))));
                if (report.TellWhenStored)
                {
                    _unstored[report.SourceKey] = Sender;
                }

                WarnOfCap();
                _waiting.Add((report.SourceKey, Sender));
                if (report.Status is not null)
                {
                    TellAgent(new SourceCollected(report.SourceKey));
                }

                Answer();
                WriteIfDue();
                if (report.Status is not null)
                {
                    NoteCollected(report.SourceKey);
                }

                break;
            case TransactionDue:
                LookAtRoom(_time.GetUtcNow());
                WriteIfDue();
                break;
            case SourceMessages.SourceReady ready:
                _waitingToStart[ready.SourceKey] = Sender;
                Answer();
                break;
            case SourceWatched watched:
                watched.Source.Tell(new SourceMessages.StartSource(
                    _state.CheckpointOf(watched.Key), watched.Watched.IsFresh, watched.Watched.WatchedSince));
                TellAgent(new SourceStarted(watched.Key));
                break;
            case BatchCommitted committed:
                OnCommitted(committed.Result);
                break;
            case SpoolFailed failed:
                OnFailed(failed);
                break;
            case RoomWasMade made:
                OnRoomMade(made);
                break;
            case RoomFailed failed:
                OnRoomFailed(failed.Cause);
                break;
            case RetryDue:
                Write(_inFlight!);
                break;
            case AttachUplink attach:
                _uplink = attach.Uplink;
                break;
            case SetOfferBudget budget:
                _offerBudget = budget.Records;
                break;
            case SetClockOffset offset:
                OnClockOffset(offset.Offset);
                break;
            case SpoolChanged changed:
                OnStatus(changed.Status);
                break;
            case DescribeAgent:
                Sender.Tell(Describe());
                break;
            case ChangeSettings change:
                OnChange(change.Settings);
                break;
            case AwaitCollected wanted:
                OnAwait(wanted);
                break;
            case Happened happened:
                OnHappened(happened);
                break;
            case StoreWindows:
                _stopper = Sender;
                WriteLast();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void TellAgent(object message)
    {
        if (_settings.Outlet is not null)
        {
            Context.Parent.Tell(message);
        }
    }

    private void Watch(string sourceKey, IActorRef source)
    {
        var now = _time.GetUtcNow();
        _spool.RunAsync(store => store.Watch(sourceKey, now))
            .PipeTo(Self, success: watched => new SourceWatched(source, sourceKey, watched), failure: e => new SpoolFailed(e, SpoolWork.Watch, source, sourceKey));
    }

    private void WriteIfDue()
    {
        var now = _time.GetUtcNow();
        if (_inFlight is null && _stopper is null && (!_full || IsDropping) && (_state.IsTransactionDue(now) || (_events.Count > 0 && _state.MayClose(now))))
        {
            Write(WithEvents(_state.TakeBatch(now, _offerBudget)));
        }
    }

    private void WriteLast()
    {
        if (_inFlight is null)
        {
            var now = _time.GetUtcNow();
            Write(WithEvents(_settings.Outlet is null ? _state.TakeBatch(now, 0, storeOnly: true) : _state.TakeAll(now)) with { IsLast = true });
        }
    }

    private SpoolBatch WithEvents(SpoolBatch batch)
    {
        IReadOnlyList<Point> events = [.. _events];
        _events.Clear();
        _beingStored = new Dictionary<string, IActorRef>(_unstored);
        _unstored.Clear();
        return batch with { Events = events };
    }

    private void Write(SpoolBatch batch)
    {
        _inFlight = batch;
        var closer = _closer;
        _spool.RunAsync(store => store.Commit(batch, closer))
            .PipeTo(Self, success: result => new BatchCommitted(result), failure: e => new SpoolFailed(e, SpoolWork.Commit, null, null));
    }

    private void OnCommitted(CommitResult result)
    {
        var last = _inFlight!.IsLast;
        foreach (var (key, source) in _beingStored)
        {
            source.Tell(new SourceMessages.ReportStored(_inFlight.Checkpoints.GetValueOrDefault(key)));
        }

        _inFlight = null;
        if (_failing)
        {
            _failing = false;
            _log.Info("the spool can be written again");
        }

        if (result.Records.Count > 0)
        {
            _nothingToCoalesceUntil = default;
            _uplink.Tell(new RecordsSpooled(result));
        }

        OnStatus(result.Status);
        if (last)
        {
            _stopper?.Tell(new WindowsStored());
        }
        else if (_stopper is not null)
        {
            WriteLast();
        }
        else
        {
            WriteIfDue();
        }
    }

    private void OnFailed(SpoolFailed failed)
    {
        if (IsLost(failed.Cause))
        {
            return;
        }

        if (!_failing)
        {
            _failing = true;
            _log.Error("cannot write the spool in {0} ({1}): sources wait and nothing is lost; give its disk room or its user permission", _settings.DataDirectory, failed.Cause.Message);
        }

        if (failed.Work == SpoolWork.Commit)
        {
            Timers.StartSingleTimer(nameof(RetryDue), RetryDue.Instance, RetryInterval);
        }
        else
        {
            // The next transaction that succeeds answers it.
            _waitingToStart[failed.SourceKey!] = failed.Source!;
        }
    }

    // True where the spool was damaged, which the agent is told.
    private static bool IsLost(Exception cause)
    {
        if (cause is SpoolDamagedException || (cause is SqliteException sqlite && SpoolFile.IsDamage(sqlite)))
        {
            Context.Parent.Tell(new SpoolLost(cause.Message));
            return true;
        }

        // Anything else is a bug of ours: what is in memory cannot be trusted, and what is in the spool is whole.
        return cause is SqliteException ? false : throw new SpoolException("the spool transaction failed", cause);
    }

    private void OnClockOffset(TimeSpan offset)
    {
        if (offset != _state.ClockOffset)
        {
            _log.Warning("clock_skew: this node's clock is {0:F1} s off the aggregator's; times are corrected by that much", -offset.TotalSeconds);
        }

        var changed = offset != _state.ClockOffset;
        _state.SetClockOffset(offset);
        if (changed && offset != TimeSpan.Zero)
        {
            Raise(EventPoints.ClockSkew, EventPoints.Warning, string.Create(CultureInfo.InvariantCulture, $"this node's clock is {-offset.TotalSeconds:F1} s off the aggregator's: times are corrected by that much"));
        }
    }

    private void OnStatus(SpoolStatus status)
    {
        if (status.Version < _status.Version)
        {
            return;
        }

        _status = status;
        OnRoom(status);
        LookAtRoom(_time.GetUtcNow());
        Answer();
    }

    private void Answer()
    {
        foreach (var (_, source) in _waiting.Where(waiting => MayAnswer(waiting.Key)))
        {
            source.Tell(SourceMessages.ReportFolded.Instance);
        }

        _waiting.RemoveAll(waiting => MayAnswer(waiting.Key));
        foreach (var (key, source) in _waitingToStart.Where(waiting => MayStart(waiting.Key)).ToList())
        {
            _waitingToStart.Remove(key);
            Watch(key, source);
        }
    }

    private void WarnOfCap()
    {
        if (!_capWarned && _state.Series.Capped > 0)
        {
            _capWarned = true;
            _log.Warning("more than max_series = {0} series: further ones are counted in {1}", _settings.MaxSeries, Metrics.Windows.SeriesId.Other);
        }

        if (!_variantsWarned && _state.HasOtherVariants)
        {
            _variantsWarned = true;
            _log.Warning("a log names more variants than its variant_limit: further ones are counted under the variant {0}, and as other_variants of vibe_fleetvibe", Metrics.Windows.SeriesId.Other);
        }
    }

    private AgentDescription Describe()
    {
        var body = _state.Describe(_time.GetUtcNow());
        body.Ledger = _status.Ledger.ToWire(_status);
        return new AgentDescription(_state.Version, body);
    }

    /// <summary>From the agent: where spooled records are announced.</summary>
    internal sealed record AttachUplink(IActorRef Uplink) : INoSerializationVerificationNeeded;

    private sealed record SourceWatched(IActorRef Source, string Key, WatchedSource Watched) : INoSerializationVerificationNeeded;

    private sealed record BatchCommitted(CommitResult Result) : INoSerializationVerificationNeeded;

    private enum SpoolWork
    {
        Commit,
        Watch,
    }

    private sealed record SpoolFailed(Exception Cause, SpoolWork Work, IActorRef? Source, string? SourceKey) : INoSerializationVerificationNeeded;

    private sealed class TransactionDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        internal static TransactionDue Instance { get; } = new();
    }

    private sealed class RetryDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        internal static RetryDue Instance { get; } = new();
    }
}
