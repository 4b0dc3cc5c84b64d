using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Spool;
using FleetVibe.Protocol.V1;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;

namespace FleetVibe.Agent.Uplink;

/// <summary>Records up, acknowledgements down.</summary>
internal sealed partial class UplinkActor
{
    private void OnSpooled(CommitResult result)
    {
        TakeStatus(result.Status);
        if (_queue is null)
        {
            return;
        }

        foreach (var record in result.Records)
        {
            if (record.IsLive)
            {
                _queue.AddLive(record.Seq);
            }
            else
            {
                _queue.NoteBacklog();
            }
        }

        SendRecords();
    }

    private void SendRecords()
    {
        if (_queue!.BacklogWanted && !_readingBacklog)
        {
            _readingBacklog = true;
            var reading = _stream!;
            _spool.RunAsync(store => store.Backlog(BacklogPage))
                .PipeTo(Self, success: page => new BacklogRead(reading, page), failure: e => new SpoolFailed(e));
        }

        var sequences = _queue.Take();
        if (sequences.Count > 0)
        {
            var stream = _stream!;
            _spool.RunAsync(store => store.Offer(sequences))
                .PipeTo(Self, success: offered => new RecordsOffered(stream, sequences, offered), failure: e => new SpoolFailed(e));
        }

        _accumulator.Tell(new SetOfferBudget(_queue.OfferBudget));
    }

    private void OnOffered(RecordsOffered message)
    {
        foreach (var (seq, content) in message.Offered.Records)
        {
            _highestSent = Math.Max(_highestSent, seq);
            _stream!.Send(new AgentMessage { Record = new Record { Seq = seq, Floor = message.Offered.Floor, Content = content } });
        }

        if (message.Offered.Records.Count < message.Asked.Count)
        {
            _queue!.Forget([.. message.Asked.Except(message.Offered.Records.Select(record => record.Seq))]);
            SendRecords();
        }
    }

    private void OnAck(Ack ack)
    {
        var stream = _stream;
        _spool.RunAsync(store => store.Acknowledge(ack.Ranges, ack.Refused))
            .PipeTo(Self, success: status => new Acknowledged(stream, ack, status), failure: e => new SpoolFailed(e));
    }

    private void OnAcknowledged(Acknowledged acknowledged)
    {
        OnStatus(acknowledged.Status);
        if (acknowledged.Stream == _stream && _queue is not null)
        {
            _queue.Acknowledge(acknowledged.Ack.Ranges);
            SendRecords();
        }
    }

    private void OnStatus(SpoolStatus status)
    {
        TakeStatus(status);
        _accumulator.Tell(new SpoolChanged(status));
    }

    private void TakeStatus(SpoolStatus status) => _status = status.Version > _status.Version ? status : _status;

    private sealed record QueueLoaded(IngestStream Stream, int Credits, IReadOnlyList<ulong> Offered, SpoolStatus Status) : INoSerializationVerificationNeeded;

    private sealed record BacklogRead(IngestStream Stream, IReadOnlyList<ulong> Page) : INoSerializationVerificationNeeded;

    private sealed record RecordsOffered(IngestStream Stream, IReadOnlyList<ulong> Asked, OfferedRecords Offered) : INoSerializationVerificationNeeded;

    private sealed record Acknowledged(IngestStream? Stream, Ack Ack, SpoolStatus Status) : INoSerializationVerificationNeeded;

    private sealed record StatusRead(SpoolStatus Status) : INoSerializationVerificationNeeded;

    private sealed record SpoolFailed(Exception Cause) : INoSerializationVerificationNeeded;

    private sealed record WelcomeOverdue(IngestStream Stream) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed class ConnectDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        internal static ConnectDue Instance { get; } = new();
    }

    private sealed class HeartbeatDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        internal static HeartbeatDue Instance { get; } = new();
    }

    private sealed class LookDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        internal static LookDue Instance { get; } = new();
    }
}
