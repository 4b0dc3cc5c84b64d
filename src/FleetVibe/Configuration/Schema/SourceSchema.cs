using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Engines;

namespace FleetVibe.Configuration.Schema;

/// <summary>The kinds of source and their keys.</summary>
internal static class SourceSchema
{
    public const string JsonLog = "json_log";
    public const string Vllm = "vllm";
    public const string VibeThinker = "vibethinker";
    public const string NvidiaSmi = "nvidia_smi";
    public const string Dcgm = "dcgm";

    /// <summary>Engines, services and gateways with a Prometheus page; the last two are the open ones.</summary>
    public static IReadOnlyList<string> Engines { get; } = [.. EngineKinds.All.Select(e => e.Kind), EngineSourceSettings.Generic, EngineSourceSettings.Auto];

    public static IReadOnlyList<string> Kinds { get; } = [JsonLog, .. Engines, VibeThinker, NvidiaSmi, Dcgm, .. CollectorSchema.Kinds];

    private static readonly string[] OfModels = [JsonLog, .. Engines, VibeThinker, .. CollectorSchema.Kinds];
    private static readonly string[] Http = [.. Engines, VibeThinker, Dcgm];
    private static readonly string[] Polled = [.. Http, CollectorSchema.Exec];
    private static readonly string[] Pages = [EngineSourceSettings.Generic, CollectorSchema.Exec];
    private static readonly string[] Log = [JsonLog];

    public static SectionSpec Sources { get; } = new("sources", "One source of the agent: a log, a metrics page, or a GPU tool.")
    {
        IsList = true,
        Keys =
        [
            new KeySpec("kind", new ChoiceType("kind of source", Kinds, Vllm), $"What the source is. The engines: {string.Join(", ", EngineKinds.All.Select(e => $"{e.Kind} ({e.Product})"))}. auto finds out which engine answers, prometheus reads the families that you name; exec runs a command of your own, push takes collectors of your own on a socket.") { Required = true },
            .. Shared,
            .. OverHttp,
            new KeySpec("path", new PathType("/var/log/vibethinker/requests.jsonl"), "The log: one JSON object a line. It need not exist yet.") { OnlyFor = Log, Required = true },
            new KeySpec("start_at", new ChoiceType("place to start at", ["end", "beginning"], "beginning"), "Where a log that was never read before is begun.") { OnlyFor = Log, Default = "end" },
            new KeySpec("timezone", new TimeZoneType(), "Zone of timestamps that name none.") { OnlyFor = Log, Default = "UTC" },
            new KeySpec("clock", new ChoiceType("clock", ["node", "external"], "external"), "Whose clock wrote the timestamps: external ones are never corrected by this node's offset.") { OnlyFor = [JsonLog, .. CollectorSchema.Kinds], Default = "node" },
            new KeySpec("success_status", new ListType(new WordType("\"fine\"")), "The statuses that mean success, in any case; replaces the built-in list.")
            {
                OnlyFor = Log,
                DefaultNote = "missing, success, succeeded, ok, completed, done, stop, length, tool_calls, 0, 100 to 399",
            },
            new KeySpec("poll", new DurationType("10ms", "1m", "\"1s\""), "Time between two looks at the log.") { OnlyFor = Log, Default = "250ms" },
            new KeySpec("max_line_bytes", new SizeType("1KiB", "64MiB", "\"2MiB\""), "Longest line; a longer one is skipped and counted.") { OnlyFor = Log, Default = "1MiB" },
            new KeySpec("rotate_wait", new DurationType("0s", "1h", "\"2m\""), "How long a rotated file is kept open for a writer that has not reopened.") { OnlyFor = Log, Default = "60s" },
            Map with { OnlyFor = [VibeThinker] },
            new KeySpec(
                "families",
                new MapType(new TextType("chat_requests_total"), FamilyMap.Figures, "{ requests = 'chat_requests_total{path=\"/chat\"}', response_time = \"chat_latency_ms ms\" }"),
                "The family of each figure: a name as on the page, in braces the rows to take (label=\"a\", label!=\"a|b\"), and a unit: s, ms or us; ratio or percent; sum or count of a histogram. Alternatives stand behind or, the best first. Rows are added up.")
            {
                OnlyFor = Pages,
                DefaultNote = "needed by prometheus; exec finds out which engine the page is of",
            },
            new KeySpec("model_label", new TextType("model_name"), "The label that names the model; with model only the rows of that one are read.") { OnlyFor = Pages, DefaultNote = "none: set model" },
            new KeySpec("once_labels", new ListType(new TextType("tp_rank")), "Labels whose rows say the same again, such as a rank's: one of them is taken.") { OnlyFor = Pages },
            new KeySpec("command", new CommandType("/usr/local/bin/nvidia-smi"), "The program.") { OnlyFor = [NvidiaSmi], Default = "nvidia-smi" },
            new KeySpec("sample_interval", new DurationType("1s", "1m", "\"2s\""), "Time between two samples of the tool.") { OnlyFor = [NvidiaSmi], Default = "1s" },
            .. CollectorSchema.Keys,
        ],
        Sections = [Fields],
    };

    /// <summary>The block of the VibeThinker plugin for Telegraf, as users have it.</summary>
    public static SectionSpec VibeThinkerInput { get; } = new("vibe_thinker", "A block of the VibeThinker plugin for Telegraf, as it is: a source of kind vibethinker.")
    {
        IsList = true,
        Keys = [.. Shared.Select(ForAll), .. OverHttp.Select(ForAll), Map],
    };

    /// <summary>Kinds for a message: all engines as one.</summary>
    public static string Among(IReadOnlyList<string> kinds) =>
        string.Join(", ", Engines.All(kinds.Contains) ? kinds.Except(Engines).Prepend("any engine") : kinds);

    private static SectionSpec Fields => new("fields", "Names of the log's fields, of json_log only; a dot steps into an object.")
    {
        Keys =
        [
            Field("timestamp", "@timestamp", "When the request ended.", "timestamp"),
            Field("duration", "latency", "How long the request took.", "duration_ms"),
            new KeySpec("duration_unit", new ChoiceType("unit", ["ms", "s", "us", "ns"], "s"), "Unit of the duration.") { Default = "ms" },
            Field("ttft", "ttft_ms", "Time to first token in milliseconds.", null),
            Field("status", "result", "How it ended.", "status"),
            Field("input_tokens", "usage.prompt_tokens", "Tokens of the prompt.", "prompt_tokens"),
            Field("output_tokens", "usage.completion_tokens", "Tokens of the answer.", "completion_tokens"),
            Field("model", "model_name", "The model, where the source names none.", "model"),
            Field("task", "kind", "The task, where the source names none.", "task"),
            Field("variant", "prompt_version", "The variant, where the source names none.", null),
        ],
    };

    private static IReadOnlyList<KeySpec> Shared =>
    [
        new KeySpec("name", new TextType("engine-a"), "The target tag; also tells two sources of the same kind and address apart.") { DefaultNote = "host:port of the endpoint, or the file's name" },
        new KeySpec("model", new TextType("qwen3-4b"), "The model tag.") { OnlyFor = OfModels, DefaultNote = "the log line's model; the engine's own name for it, needed where its pages have none; vibethinker-1.5b for vibethinker" },
        new KeySpec("task", new TextType("code_review"), "What the model is used for: the task tag.") { OnlyFor = OfModels, DefaultNote = "the log line's task, else default; algorithm_reasoning for vibethinker" },
        new KeySpec("variant", new TextType("prompt-v2"), "Prompt version, LoRA or A/B arm: the variant tag.") { OnlyFor = OfModels, DefaultNote = "none" },
        new KeySpec("counts", new BooleanType(), "Whether this source counts requests; without it the sources of the highest rank do (logs and collectors, then gateways, then engines, then summaries).") { OnlyFor = OfModels, DefaultNote = "by rank" },
        new KeySpec("gpu", new ListType(new WordType("0")), "Indices or UUIDs of the GPUs that serve this model.") { OnlyFor = OfModels, DefaultNote = "all" },
    ];

    private static IReadOnlyList<KeySpec> OverHttp =>
    [
        new KeySpec("endpoint", new UrlType(false, "\"https://127.0.0.1:8000/metrics\""), "Address of the metrics page. With auto the host and port are enough.") { OnlyFor = Http, Required = true },
        new KeySpec("token_file", new TokenFileType("/etc/fleetvibe/model.token"), "The bearer token for it.") { OnlyFor = Http },
        new KeySpec("token", new SecretType("use token_file, or token = \"${NAME}\"", AsToken: true), "The bearer token, out of the environment.") { OnlyFor = Http },
        .. ConfigurationSchema.TrustKeys("Allows a token over plain http off loopback.").Select(k => k with { OnlyFor = Http }),
        new KeySpec("headers", new MapType(new SecretType("use token_file, or \"Bearer ${NAME}\"", AsToken: false), [], "{ X-Scope = \"${SCOPE}\" }"), "Further headers of the request; their values are never shown.") { OnlyFor = Http },
        new KeySpec("interval", new DurationType("1s", "1h", "\"30s\""), "Time between two collections.") { OnlyFor = Polled, DefaultNote = "agent.interval" },
        new KeySpec("timeout", new DurationType("100ms", "1m", "\"5s\""), "After it a collection has failed; a command is killed with its children.") { OnlyFor = Polled, Default = "3s" },
    ];

    private static KeySpec Map => new(
        "map",
        new MapType(
            new TextType("stats.requests"),
            ["requests", "errors", "input_tokens", "output_tokens", "response_time_ms", "gpu_util_percent", "start_time"],
            "{ requests = \"stats.requests\" }"),
        "Where each figure stands in the summary, as a dotted path; behind a blank its kind where it is another, e.g. \"usage.last.input gauge\".") { DefaultNote = "each under its own name" };

    private static KeySpec Field(string name, string sample, string doc, string? standard) =>
        new(name, new TextType(sample), doc) { Default = standard, DefaultNote = standard is null ? "none" : null };

    private static KeySpec ForAll(KeySpec key) => key with { OnlyFor = [] };
}
