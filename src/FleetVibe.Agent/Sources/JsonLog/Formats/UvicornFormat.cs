namespace FleetVibe.Agent.Sources.JsonLog.Formats;

/// <summary>
/// uvicorn's access lines, <c>INFO:     127.0.0.1:58312 - "POST /v1/x HTTP/1.1" 200 OK</c>. They have no duration, and by
/// default no time: that of the envelope stands in, else the time of reading. A time that a configured formatter put in
/// front is taken.
/// </summary>
internal sealed class UvicornFormat(JsonLogSourceSettings settings) : ILineFormat
{
    private readonly PlainText _plain = new();
    private readonly LogStatus _status = new(settings.SuccessStatus);
    private readonly RequestFilter _filter = new(settings.OnlyPaths);
    private readonly SeriesInterner _series = new(settings.Model, settings.Task, settings.Variant);

    public ParsedLine Read(ReadOnlySpan<byte> line, in LineContext context)
    {
        line = _plain.Of(line);
        var quote = line.IndexOf(" - \""u8);
        if (quote < 0)
        {
            return ParsedLine.Other;
        }

        var request = line[(quote + 4)..];
        var version = request.IndexOf(" HTTP/"u8);
        var end = version < 0 ? -1 : request[version..].IndexOf((byte)'"');
        if (end < 0 || !TryStatus(request[(version + end + 1)..], out var code)
            || !RequestFilter.IsPost(request) || !_filter.Takes(request[..version]))
        {
            return ParsedLine.Other;
        }

        if (_series.Find(default, default, default) is not { } id)
        {
            return ParsedLine.Skip(SkipReason.ModelMissing);
        }

        var at = TryLeadingTime(line[..quote], out var written) ? written : context.Written ?? context.ReadAt;
        return ParsedLine.Of(new RequestObservation(id, at, null, null, 0, 0, _status.OutcomeOf(code), settings.ExternalClock));
    }

    private static bool TryStatus(ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> code)
    {
        rest = rest.TrimStart((byte)' ');
        code = rest.Length >= 3 ? rest[..3] : default;
        return !code.IsEmpty && !code.ContainsAnyExceptInRange((byte)'0', (byte)'9') && (rest.Length == 3 || rest[3] == ' ');
    }

    /// <summary>One or two words in front, bare or in brackets.</summary>
    private bool TryLeadingTime(ReadOnlySpan<byte> prefix, out DateTimeOffset moment)
    {
        moment = default;
        prefix = prefix.TrimStart(" ["u8);
        if (prefix.IsEmpty || prefix[0] is < (byte)'0' or > (byte)'9')
        {
            return false;
        }

        var first = prefix.IndexOf((byte)' ');
        var second = first < 0 ? -1 : prefix[(first + 1)..].IndexOf((byte)' ');
        return (second > 0 && LogTimestamp.TryParseCalendar(prefix[..(first + 1 + second)].TrimEnd("],|"u8), settings.TimeZone, out moment))
            || (first > 0 && LogTimestamp.TryParseCalendar(prefix[..first].TrimEnd("],|"u8), settings.TimeZone, out moment));
    }
}
