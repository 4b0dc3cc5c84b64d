using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Series;

/// <summary>What a series says to a session about one part, or has the gateway settle.</summary>
internal static class SeriesReplies
{
    /// <summary>The commit that holds the part is durable.</summary>
    public static SeriesEffect Committed(WindowKey key, PendingPart part) => new SeriesEffect.Answer(
        part.ReplyTo, new ContributionSettled { Key = key, Record = part.Record.ToWire(), Fate = Fate.Committed });

    /// <summary>The part had its fate before it came this time.</summary>
    public static SeriesEffect Again(MergeContribution contribution, object replyTo, Fate fate) => new SeriesEffect.Answer(
        replyTo, new ContributionSettled { Key = contribution.Key, Record = contribution.Record, Fate = fate, Duplicate = true });

    public static SeriesEffect Held(MergeContribution contribution, object replyTo) => new SeriesEffect.Answer(
        replyTo, new ContributionHeld { Key = contribution.Key, Record = contribution.Record });

    public static SeriesEffect Refuse(WindowKey key, PendingPart part, Fate fate) => new SeriesEffect.Refuse(
        new RefusePartRequest
        {
            Key = key,
            Part = new Contributor { Record = part.Record.ToWire(), Requests = part.Requests, ContentHash = part.Hash },
            Fate = fate,
        },
        part.ReplyTo,
        Forged: false);

    public static SeriesEffect Refuse(MergeContribution contribution, Fate fate, object replyTo, bool forged = false) => new SeriesEffect.Refuse(
        new RefusePartRequest
        {
            Key = contribution.Key,
            Part = new Contributor
            {
                Record = contribution.Record,
                Requests = contribution.Totals?.Requests ?? 0,
                ContentHash = contribution.ContentHash,
            },
            Fate = fate,
        },
        replyTo,
        forged);

    public static SeriesEffect Forgery(SeriesKey series, RecordKey record) => new SeriesEffect.Alarm(
        $"record {record.Seq} of node {record.Node} came with two contents for {TotalsMapper.FromWire(series)}: is its spool a copy, or was it restored?");
}
