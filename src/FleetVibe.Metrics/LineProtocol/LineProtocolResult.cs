namespace FleetVibe.Metrics.LineProtocol;

/// <summary>What a body of line protocol held.</summary>
/// <param name="Points">In the order of the body.</param>
/// <param name="Errors">One for each refused line.</param>
public sealed record LineProtocolResult(IReadOnlyList<ParsedPoint> Points, IReadOnlyList<LineProtocolError> Errors);

/// <summary>A point as it was read.</summary>
/// <param name="Tags">Sorted by the UTF-8 bytes of their keys, keys unique.</param>
/// <param name="Fields">In the order of their first mention, keys unique; of a key given twice the last value stands.</param>
/// <param name="TimestampNs">Nanoseconds since 1970 if the body is in nanoseconds; null where the line has none.</param>
/// <param name="LineNumber">Of its first byte, from 1.</param>
/// <param name="Bytes">Where it stands in the body, without the line break.</param>
public sealed record ParsedPoint(
    string Measurement,
    IReadOnlyList<KeyValuePair<string, string>> Tags,
    IReadOnlyList<KeyValuePair<string, FieldValue>> Fields,
    long? TimestampNs,
    int LineNumber,
    Range Bytes);

/// <summary>A line that was refused.</summary>
/// <param name="Line">Line of the offending byte, from 1.</param>
/// <param name="Column">Of the offending byte in its line, in bytes from 1.</param>
/// <param name="Reason">Such as <c>expected field</c>: the words of Telegraf's default parser where it has any.</param>
/// <param name="Text">The refused text, cut to 1024 bytes.</param>
/// <param name="Bytes">Where it stands in the body, without the line break; more than one line where a string was open.</param>
public sealed record LineProtocolError(int Line, int Column, string Reason, string Text, Range Bytes)
{
    /// <summary>In the form in which Telegraf's listeners report it.</summary>
    public override string ToString() => $"{Reason} at {Line}:{Column}: \"{Text}\"";
}
