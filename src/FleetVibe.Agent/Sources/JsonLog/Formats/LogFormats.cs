namespace FleetVibe.Agent.Sources.JsonLog.Formats;

/// <summary>The formats of logs, as data. What is special in a line's text is in its <see cref="ILineFormat"/>.</summary>
public static class LogFormats
{
    public const string Json = "json";

    internal const string Uvicorn = "uvicorn";
    internal const string VllmStats = "vllm_stats";

    private static readonly LogFields Plain = new()
    {
        Timestamp = "timestamp",
        Duration = "duration_ms",
        DurationUnit = "ms",
        Status = "status",
        InputTokens = "prompt_tokens",
        OutputTokens = "completion_tokens",
        Model = "model",
        Task = "task",
    };

    public static IReadOnlyList<LogFormat> All { get; } =
    [
        new(Json, "your own service") { IsJson = true, NamesModel = true, Fields = Plain },

        // log_format with escape=json; most numbers come quoted, and a request that could not be read has no method.
        new("nginx_json", "nginx, escape=json")
        {
            IsJson = true,
            NamesModel = true,
            HasPaths = true,
            Wanted = "a POST",
            Fields = Plain with
            {
                Timestamp = "msec or time_iso8601 or timestamp or @timestamp or time or time_local",
                Duration = "request_time",
                DurationUnit = "s",
                Method = "method or request_method or request",
                Path = "uri or request_uri or path or request",
            },
        },

        // The proxy's StandardLoggingPayload. Its response_time is the time to first token where the answer was streamed.
        new("litellm", "LiteLLM's request payloads")
        {
            IsJson = true,
            NamesModel = true,
            Wanted = "a request's payload",
            Marker = "startTime or endTime",
            Fields = Plain with
            {
                Timestamp = "endTime",
                Start = "startTime",
                FirstToken = "completionStartTime",
                Duration = "",
                Model = "model_group or model",
                Task = "",
            },
        },
        new(Uvicorn, "uvicorn's access lines") { HasPaths = true, Wanted = "an access line of a POST" },

        // --json-output. A finished request carries its times; a failed one is one line at level ERROR.
        new("tgi", "Text Generation Inference with --json-output")
        {
            IsJson = true,
            Wanted = "a finished request",
            Marker = "span.total_time",
            Failures = ["Request failed during generation", "Model is overloaded", "Input validation error", "Incomplete generation", "Template error"],
            Fields = new LogFields { Timestamp = "timestamp", Duration = "span.total_time", DurationUnit = "s" },
        },
        new(VllmStats, "vLLM's statistics line") { BringsRequests = false, Wanted = "a statistics line" },
    ];

    public static IReadOnlyList<string> Names { get; } = [.. All.Select(format => format.Name)];

    /// <exception cref="ArgumentException">There is no such format.</exception>
    public static LogFormat Of(string name) =>
        All.FirstOrDefault(format => format.Name == name) ?? throw new ArgumentException($"no log format {name}: there are {string.Join(", ", Names)}", nameof(name));

    internal static ILineFormat CreateReader(JsonLogSourceSettings settings) => settings.Format switch
    {
        Uvicorn => new UvicornFormat(settings),
        VllmStats => new VllmStatsFormat(settings),
        _ => new LogLineParser(settings),
    };
}
