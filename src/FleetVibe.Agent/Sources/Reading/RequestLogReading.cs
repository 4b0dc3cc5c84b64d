using FleetVibe.Agent.Sources.JsonLog;

namespace FleetVibe.Agent.Sources.Reading;

/// <summary>A finished request and its line, from 1.</summary>
public sealed record LoggedRequest(int Line, RequestObservation Request);

/// <summary>What a request log holds.</summary>
/// <param name="WithoutModel">Requests whose line names no model: their source must name it.</param>
public sealed record RequestLogLook(IReadOnlyList<LoggedRequest> Requests, IReadOnlyList<LineLeftOut> Skipped, int WithoutModel);

/// <summary>Reads a request log as the source <c>json_log</c> does with the field names that it has by itself.</summary>
public static class RequestLogReading
{
    /// <summary>Stands for the model where a line names none.</summary>
    public const string ModelOfSource = "(model of the source)";

    private static readonly JsonLogSourceSettings Settings = new() { Path = "" };

    public static RequestLogLook Read(ReadOnlySpan<byte> body)
    {
        var parser = new LogLineParser(Settings);
        var named = new LogLineParser(Settings with { Model = ModelOfSource });
        var requests = new List<LoggedRequest>();
        var skipped = new List<LineLeftOut>();
        var number = 0;
        foreach (var range in body.Split((byte)'\n'))
        {
            number++;
            var line = LineReader.Content(body[range]);
            if (line.IndexOfAnyExcept((byte)0) is > 0 and var hole)
            {
                skipped.Add(new LineLeftOut(number, Explain(SkipReason.NulRun)));
                line = line[hole..];
            }

            if (line.IsEmpty)
            {
                continue;
            }

            var reason = SkipReason.Oversize;
            if (line.Length <= Settings.MaxLineBytes
                && (parser.TryParse(line, out var request, out reason) || (reason == SkipReason.ModelMissing && named.TryParse(line, out request, out reason))))
            {
                requests.Add(new LoggedRequest(number, request));
            }
            else
            {
                skipped.Add(new LineLeftOut(number, Explain(reason)));
            }
        }

        return new RequestLogLook(requests, skipped, requests.Count(r => r.Request.Series.Model == ModelOfSource));
    }

    private static string Explain(SkipReason reason) => $"{SkipCounts.NameOf(reason)}: " + reason switch
    {
        SkipReason.NotJson => "not one whole JSON object",
        SkipReason.BadTimestamp => $"no `{Settings.Fields.Timestamp}`, or in no form that is known",
        SkipReason.BadDuration => $"`{Settings.Fields.Duration}` is negative, not finite or no number",
        SkipReason.BadTtft => "the time to first token is negative, not finite or no number",
        SkipReason.BadTokens => "a token count is negative, not finite or no number",
        SkipReason.ModelMissing => "no model",
        SkipReason.Oversize => $"longer than {Settings.MaxLineBytes} bytes",
        SkipReason.NulRun => "a run of NULs, as a writer leaves behind whose file was truncated",
        SkipReason.Unfinished => "never finished",
        _ => throw new ArgumentOutOfRangeException(nameof(reason)),
    };
}
