namespace FleetVibe.Agent.Sources.VibeThinker;

/// <summary>Where one figure stands and what it is.</summary>
/// <param name="Path">Names from the outside in.</param>
/// <param name="IsCounter">It only grows while the server runs. A gauge is never counted.</param>
internal sealed record SummaryFigure(string Name, IReadOnlyList<string> Path, bool IsCounter);

/// <summary>
/// The figures of a summary. In a map a value is a dotted path, and behind a blank the kind where it is not the figure's own:
/// <c>input_tokens = "usage.last.input gauge"</c>.
/// </summary>
internal static class SummaryMap
{
    public const string Requests = "requests";
    public const string Errors = "errors";
    public const string InputTokens = "input_tokens";
    public const string OutputTokens = "output_tokens";
    public const string ResponseTimeMs = "response_time_ms";
    public const string GpuUtilPercent = "gpu_util_percent";

    /// <summary>When the server began, unix seconds; optional, and more certain than a counter that fell.</summary>
    public const string StartTime = "start_time";

    private static readonly (string Name, bool IsCounter)[] Known =
    [
        (Requests, true), (Errors, true), (InputTokens, true), (OutputTokens, true),
        (ResponseTimeMs, false), (GpuUtilPercent, false), (StartTime, false),
    ];

    public static IReadOnlyList<SummaryFigure> Figures(IReadOnlyDictionary<string, string> map) =>
        [.. Known.Select(known => Figure(known.Name, known.IsCounter, map.GetValueOrDefault(known.Name) ?? known.Name))];

    private static SummaryFigure Figure(string name, bool isCounter, string text)
    {
        var parts = text.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var kind = parts is [_, .., var last] && last is "counter" or "gauge" ? last : null;
        var path = kind is null ? text.Trim() : string.Join(' ', parts[..^1]);
        return new SummaryFigure(name, path.Split('.'), kind is null ? isCounter : isCounter && kind == "counter");
    }
}
