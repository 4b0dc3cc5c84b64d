using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Points;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Exec;
using FleetVibe.Agent.Sources.Push;
using FleetVibe.Agent.Spool;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;

namespace FleetVibe.Agent.Accumulating;

/// <summary>What becomes of a spool that fills up; <see cref="RoomRule"/> says in which order.</summary>
internal sealed partial class AccumulatorActor
{
    // Windows end, and then there is more to coalesce.
    private static readonly TimeSpan LookAgain = TimeSpan.FromMinutes(1);

    private bool _full;
    private bool _makingRoom;
    private bool _roomFailing;
    private long _droppedWhileFull;
    private DateTimeOffset? _engineWaitsSince;
    private DateTimeOffset _nothingToCoalesceUntil;

    /// <summary>Engines go on at the expense of the oldest records.</summary>
    private bool IsDropping => _full && _droppedWhileFull > 0 && _status.UsedBytes < _settings.SpoolMaxBytes;

    private string Taker => _settings.Outlet is null ? "an aggregator that takes records" : "a reader of standard output";

    private bool MayAnswer(string sourceKey) => !_failing && (!_full || (IsDropping && !IsLog(sourceKey)));

    private bool IsLog(string sourceKey) => _settings.Sources.Any(source => source.Key == sourceKey && source is (JsonLogSourceSettings or PushSourceSettings or ExecSourceSettings { Output: ExecOutput.Json }));

    private bool IsEngine(string sourceKey) => !IsLog(sourceKey) && _settings.Sources.Any(source => source.Key == sourceKey && source.Rank != SourceRank.None);

    private void LookAtRoom(DateTimeOffset now)
    {
        if (_full && _engineWaitsSince is null && _waiting.Exists(waiting => IsEngine(waiting.Key)))
        {
            _engineWaitsSince = now;
        }

        if (_makingRoom || _failing || _stopper is not null)
        {
            return;
        }

        var (step, bytes) = RoomRule.Next(_status.UsedBytes, _settings.SpoolMaxBytes, _settings.Outlet is null && now >= _nothingToCoalesceUntil, now - _engineWaitsSince);
        if (step != RoomStep.None)
        {
            _makingRoom = true;
            var at = now + _state.ClockOffset;
            _spool.RunAsync(store => step == RoomStep.Coalesce ? store.Coalesce(bytes, at) : store.Drop(bytes))
                .PipeTo(Self, success: made => new RoomWasMade(step, made), failure: e => new RoomFailed(e));
        }
    }

    private void OnRoomMade(RoomWasMade message)
    {
        var (step, made) = message;
        (_makingRoom, _roomFailing) = (false, false);
        if (made.Gone == 0)
        {
            // Nothing either to coalesce or to drop: what is left was offered, and goes with its acknowledgement.
            _nothingToCoalesceUntil = _time.GetUtcNow() + LookAgain;
            _engineWaitsSince = step == RoomStep.Drop ? null : _engineWaitsSince;
        }

        if (step == RoomStep.Drop && made.Gone > 0)
        {
            OnDropped(made);
        }

        if (made.Records.Count > 0)
        {
            _uplink.Tell(new RecordsSpooled(new CommitResult(made.Status, made.Records)));
        }

        OnStatus(made.Status);
    }

    private void OnDropped(RoomMade made)
    {
        if (_droppedWhileFull == 0)
        {
            var text = $"the spool is full and nothing is left to coalesce: its oldest records are dropped, {made.Dropped} requests so far";
            _log.Error("spool_dropped: {0}; give agent.spool_max_bytes more room; it waits for {1}", text, Taker);
            Raise(EventPoints.SpoolDropped, EventPoints.Error, text);
        }

        _droppedWhileFull += made.Gone;
    }

    private void OnRoomFailed(Exception cause)
    {
        _makingRoom = false;
        _nothingToCoalesceUntil = _time.GetUtcNow() + LookAgain;
        if (!IsLost(cause) && !_roomFailing)
        {
            _roomFailing = true;
            _log.Error("cannot make room in the spool in {0} ({1}): it is tried again; give its disk room or its user permission", _settings.DataDirectory, cause.Message);
        }
    }

    private void OnRoom(SpoolStatus status)
    {
        var full = RoomRule.IsFull(_full, status.UsedBytes, _settings.SpoolMaxBytes);
        if (full && !_full)
        {
            _log.Error("the spool in {0} is full ({1} bytes): sources wait for {2}", _settings.DataDirectory, status.UsedBytes, Taker);
        }
        else if (_full && !full)
        {
            _log.Info("the spool has room again; {0} records were dropped", _droppedWhileFull);
            _droppedWhileFull = 0;
            _engineWaitsSince = null;
        }

        _full = full;
    }

    private void Raise(string kind, string severity, string text) =>
        _events.Add(EventPoints.Of(_settings.Node, kind, severity, text, _time.GetUtcNow() + _state.ClockOffset));

    private sealed record RoomWasMade(RoomStep Step, RoomMade Made) : INoSerializationVerificationNeeded;

    private sealed record RoomFailed(Exception Cause) : INoSerializationVerificationNeeded;
}
