using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Simulator.Telegraf;

/// <summary>A point as InfluxDB would hold it: fields of all writes merged, the last write of a field stands. A copy, immutable.</summary>
/// <param name="TimestampNs">Nanoseconds since 1970.</param>
/// <param name="Revisions">Of <c>vibe_fleet</c> only: the revisions in the order in which they came.</param>
/// <param name="Writes">How often the point was written.</param>
public sealed record StoredPoint(
    string Measurement,
    IReadOnlyDictionary<string, string> Tags,
    long TimestampNs,
    IReadOnlyDictionary<string, FieldValue> Fields,
    IReadOnlyList<long> Revisions,
    long Writes)
{
    /// <summary>When the point first came, by this Telegraf's clock: nanoseconds since 1970.</summary>
    public long FirstWriteNs { get; init; }

    public DateTimeOffset At => DateTimeOffset.UnixEpoch.AddTicks(TimestampNs / 100);

    /// <summary>Start of the window in unix seconds.</summary>
    public long UnixSeconds => TimestampNs / 1_000_000_000;

    /// <summary>An integer field; null where there is none of that name and type.</summary>
    public long? Integer(string field) =>
        Fields.TryGetValue(field, out var value) && value.Kind == FieldKind.Integer ? value.Integer : null;

    /// <summary>A float field; null where there is none of that name and type.</summary>
    public double? Float(string field) =>
        Fields.TryGetValue(field, out var value) && value.Kind == FieldKind.Float ? value.Float : null;

    /// <summary>A boolean field; null where there is none of that name and type.</summary>
    public bool? Boolean(string field) =>
        Fields.TryGetValue(field, out var value) && value.Kind == FieldKind.Boolean ? value.Boolean : null;

    /// <summary>A string field; null where there is none of that name and type.</summary>
    public string? Text(string field) => Fields.TryGetValue(field, out var value) ? value.Text : null;
}

/// <summary>Something that a sender must never do.</summary>
public sealed record TelegrafViolation(TelegrafViolationKind Kind, string Text);

public enum TelegrafViolationKind
{
    /// <summary>A line that was refused.</summary>
    MalformedLine,

    /// <summary>A field came with another type than at first.</summary>
    FieldTypeConflict,

    /// <summary>A Telegraf would put its own host name here.</summary>
    MissingHostTag,

    /// <summary>The receiver's clock would decide.</summary>
    MissingTimestamp,

    /// <summary>A lower revision came after a higher one.</summary>
    RevisionFell,

    /// <summary>The same revision came with other values.</summary>
    RevisionRewritten,

    /// <summary>A higher revision of a fleet point holds fewer hosts than a lower one.</summary>
    ContributorsFell,

    /// <summary>A higher revision of a fleet point holds fewer requests than a lower one.</summary>
    RequestsFell,

    /// <summary>A later write of a <c>vibe_</c> point lacks a field of an earlier one, which so keeps an old value.</summary>
    FieldVanished,
}

/// <summary>What happened to the writes.</summary>
/// <param name="Requests">Writes that arrived.</param>
/// <param name="ByStatus">Answers by status; 0 stands for none.</param>
/// <param name="Points">Points accepted, repeated ones too.</param>
/// <param name="Undelivered">Points that wait for the output.</param>
/// <param name="LargestBatch">Points of the largest batch accepted.</param>
public sealed record TelegrafStatistics(
    long Requests, IReadOnlyDictionary<int, long> ByStatus, long Points, long Undelivered, long LargestBatch);
