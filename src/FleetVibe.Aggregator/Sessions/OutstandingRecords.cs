using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Aggregator.Sessions;

/// <summary>What a session wants sent.</summary>
/// <param name="Seq">The record.</param>
/// <param name="Part">Names the part in the record; given back with a gateway's answer.</param>
/// <param name="Message">MergeContribution to the series region; RefusePartRequest or PutPointsRequest to the gateway.</param>
internal readonly record struct OutgoingPart(ulong Seq, int Part, IMessage Message);

/// <summary>
/// The records of one session that are not acknowledged yet. A part is sent until it is answered; a record is done when
/// all of its parts are. Knows no actor and no clock.
/// </summary>
internal sealed class OutstandingRecords(string node, ByteString instance)
{
    private static readonly TimeSpan FirstResend = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LastResend = TimeSpan.FromSeconds(10);
    private const double ResendFactor = 1.5;

    private readonly SortedDictionary<ulong, Outstanding> _records = [];
    private readonly List<Outstanding> _done = [];

    public int Count => _records.Count;

    /// <summary>Whether a record is done and not yet acknowledged.</summary>
    public bool HasDone => _done.Count > 0;

    public bool Contains(ulong seq) => _records.ContainsKey(seq);

    /// <summary>Takes a record in and says what to send for it. Nothing where it is in already.</summary>
    public IReadOnlyList<OutgoingPart> Add(Record record, Moment now)
    {
        if (_records.ContainsKey(record.Seq))
        {
            return [];
        }

        var id = new RecordId { Node = node, Instance = instance, Seq = record.Seq };
        var outstanding = new Outstanding(record.Seq);
        foreach (var part in RecordSplit.Split(record.Content))
        {
            IMessage message = part.Defect is null
                ? new MergeContribution { Key = part.Key, Record = id, Totals = part.Totals, ContentHash = part.Hash }
                : new RefusePartRequest
                {
                    Key = part.Key,
                    Part = new Contributor { Record = id, Requests = part.Requests, ContentHash = part.Hash },
                    Fate = Fate.Undecodable,
                };
            outstanding.Parts.Add(new Part(message, part.Key.Series, part.Requests, part.Defect, now.Up + FirstResend, FirstResend));
        }

        if (record.Content?.Points.Count > 0)
        {
            var put = new PutPointsRequest { Record = id, Floor = record.Floor, Points = { record.Content.Points } };
            outstanding.Parts.Add(new Part(put, null, 0, null, now.Up + FirstResend, FirstResend));
        }

        outstanding.Open = outstanding.Parts.Count;
        if (outstanding.Open == 0)
        {
            _done.Add(outstanding);
            return [];
        }

        _records.Add(record.Seq, outstanding);
        return [.. outstanding.Parts.Select((part, index) => new OutgoingPart(record.Seq, index, part.Message))];
    }

    /// <summary>Defects of a record's parts, for the log.</summary>
    public IEnumerable<string> DefectsOf(ulong seq) =>
        _records.TryGetValue(seq, out var record) ? record.Parts.Select(part => part.Defect).OfType<string>() : [];

    /// <summary>Parts whose answer is overdue, with the time of the next try moved on.</summary>
    public IReadOnlyList<OutgoingPart> TakeDue(Moment now)
    {
        var due = new List<OutgoingPart>();
        foreach (var record in _records.Values)
        {
            for (var index = 0; index < record.Parts.Count; index++)
            {
                var part = record.Parts[index];
                if (!part.IsAnswered && !part.IsAsked && now.Up >= part.SendAt)
                {
                    part.Delay = TimeSpan.FromTicks(Math.Min((long)(part.Delay.Ticks * ResendFactor), LastResend.Ticks));
                    part.SendAt = now.Up + part.Delay;
                    due.Add(new OutgoingPart(record.Seq, index, part.Message));
                }
            }
        }

        return due;
    }

    /// <summary>A series answered: the part has its fate.</summary>
    public void Settle(ContributionSettled settled)
    {
        if (Find(settled.Record, settled.Key.Series) is { } found)
        {
            Finish(found.Record, found.Part, settled.Fate);
        }
    }

    /// <summary>A series has merged the part and waits for its window: no hurry to ask again.</summary>
    public void Hold(ContributionHeld held, Moment now)
    {
        if (Find(held.Record, held.Key.Series) is { } found)
        {
            found.Part.Delay = LastResend;
            found.Part.SendAt = now.Up + LastResend;
        }
    }

    /// <summary>The gateway is being asked; the part is not sent again until that ended.</summary>
    public void Asked(ulong seq, int index)
    {
        if (Find(seq, index) is { } found)
        {
            found.Part.IsAsked = true;
        }
    }

    public void GatewayAnswered(ulong seq, int index, Fate fate)
    {
        if (Find(seq, index) is { } found)
        {
            Finish(found.Record, found.Part, fate);
        }
    }

    public void GatewayFailed(ulong seq, int index, Moment now)
    {
        if (Find(seq, index) is { } found)
        {
            found.Part.IsAsked = false;
            found.Part.SendAt = now.Up + found.Part.Delay;
        }
    }

    /// <summary>One acknowledgement for everything that is done.</summary>
    public Ack TakeAck()
    {
        var ack = new Ack();
        foreach (var record in _done.OrderBy(record => record.Seq))
        {
            if (ack.Ranges.Count > 0 && ack.Ranges[^1].Last + 1 == record.Seq)
            {
                ack.Ranges[^1].Last = record.Seq;
            }
            else
            {
                ack.Ranges.Add(new SequenceRange { First = record.Seq, Last = record.Seq });
            }

            ack.Refused.AddRange(record.Refused);
        }

        _done.Clear();
        return ack;
    }

    private void Finish(Outstanding record, Part part, Fate fate)
    {
        part.IsAnswered = true;
        if (fate != Fate.Committed)
        {
            record.Refused.Add(new RefusedPart { Seq = record.Seq, Fate = fate, Requests = part.Requests });
        }

        if (--record.Open == 0)
        {
            _records.Remove(record.Seq);
            _done.Add(record);
        }
    }

    private (Outstanding Record, Part Part)? Find(RecordId id, SeriesKey series) =>
        id.Instance == instance && _records.TryGetValue(id.Seq, out var record)
        && record.Parts.Find(part => !part.IsAnswered && part.Series is not null && part.Series.Equals(series)) is { } found
            ? (record, found)
            : null;

    private (Outstanding Record, Part Part)? Find(ulong seq, int index) =>
        _records.TryGetValue(seq, out var record) && !record.Parts[index].IsAnswered ? (record, record.Parts[index]) : null;

    private sealed class Outstanding(ulong seq)
    {
        public ulong Seq => seq;

        public List<Part> Parts { get; } = [];

        public int Open { get; set; }

        public List<RefusedPart> Refused { get; } = [];
    }

    private sealed class Part(IMessage message, SeriesKey? series, ulong requests, string? defect, TimeSpan sendAt, TimeSpan delay)
    {
        public IMessage Message => message;

        /// <summary>Null for the record's points.</summary>
        public SeriesKey? Series => series;

        public ulong Requests => requests;

        public string? Defect => defect;

        public TimeSpan SendAt { get; set; } = sendAt;

        public TimeSpan Delay { get; set; } = delay;

        public bool IsAsked { get; set; }

        public bool IsAnswered { get; set; }
    }
}
