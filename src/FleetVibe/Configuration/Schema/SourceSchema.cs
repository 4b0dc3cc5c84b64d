using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.JsonLog.Formats;
using FleetVibe.Agent.Sources.Kernel;

namespace FleetVibe.Configuration.Schema;

/// <summary>The kinds of source and their keys.</summary>
internal static class SourceSchema
{
    public const string JsonLog = "json_log";
    public const string Vllm = "vllm";
    public const string VibeThinker = "vibethinker";
    public const string NvidiaSmi = "nvidia_smi";
    public const string Nvml = "nvml";
    public const string Dcgm = "dcgm";
    public const string Proxy = "proxy";

    /// <summary>Engines, services and gateways with a Prometheus page; the last two are the open ones.</summary>
    public static IReadOnlyList<string> Engines { get; } = [.. EngineKinds.All.Select(e => e.Kind), EngineSourceSettings.Generic, EngineSourceSettings.Auto];

    public static IReadOnlyList<string> Kinds { get; } = [JsonLog, Proxy, .. Engines, VibeThinker, NvidiaSmi, Nvml, Dcgm, .. GpuTools.Kinds, KernelSourceSettings.KindName, .. CollectorSchema.Kinds];

    private static readonly string[] OfModels = [JsonLog, Proxy, .. Engines, VibeThinker, .. CollectorSchema.Kinds];
    private static readonly string[] Http = [.. Engines, VibeThinker, Dcgm, Proxy];
    private static readonly string[] Polled = [.. Http, CollectorSchema.Exec];
    private static readonly string[] Pages = [.. Engines, VibeThinker, Dcgm];
    private static readonly string[] Mapped = [EngineSourceSettings.Generic, CollectorSchema.Exec];
    private static readonly string[] OfProxies = [Proxy];
    private static readonly string[] Log = [JsonLog];
    private static readonly string[] Nvidia = [NvidiaSmi, Nvml];
    private static readonly string[] Tools = [.. Nvidia, .. GpuTools.Kinds];
    private static readonly string[] Envelopes = [.. Enum.GetNames<LogEnvelope>().Select(name => name.ToLowerInvariant())];

    public static SectionSpec Sources { get; } = new("sources", "One source of the agent: a log, a metrics page, or a GPU tool.")
    {
        IsList = true,
        Reloads = true,
        Keys =
        [
            new KeySpec("kind", new ChoiceType("kind of source", Kinds, Vllm), $"What the source is. The engines: {string.Join(", ", EngineKinds.All.Select(e => $"{e.Kind} ({e.Product})"))}. auto finds out which engine answers, prometheus reads the families that you name. nvml reads NVIDIA's GPUs in this process, and runs nvidia-smi where the driver's library is missing; rocm_smi and amd_smi are AMD's, xpu_smi and intel_gpu_top Intel's, tegrastats Jetson's; kernel tells which processes the kernel killed for want of memory, which nvml and nvidia_smi tell too; exec runs a command of your own, push takes collectors of your own on a socket.") { Required = true },
            .. Shared,
            .. OverHttp,
            new KeySpec("listen", new ListenType("\"127.0.0.1:11435\""), "Where clients connect in place of the engine: on loopback, or with cert_file and accept_token_file.") { OnlyFor = OfProxies, Required = true },
            new KeySpec("cert_file", new PemFileType(true, "/etc/fleetvibe/server.pem"), "Certificate of the proxy, PEM. Needed off loopback.") { OnlyFor = OfProxies },
            new KeySpec("key_file", new PemFileType(false, "/etc/fleetvibe/server.key"), "Its key, PEM; without it the key is looked for in cert_file.") { OnlyFor = OfProxies },
            new KeySpec("accept_token_file", new TokenFileType("/etc/fleetvibe/clients.token"), "The bearer token that clients must present; it goes no further than the proxy. Needed off loopback.") { OnlyFor = OfProxies },
            new KeySpec("variant_header", new TextType("X-Prompt-Version"), "The request header that names the variant, where the source names none.") { OnlyFor = OfProxies, DefaultNote = "none" },
            new KeySpec("path", new PathType("/var/log/vibethinker/requests.jsonl"), "The log. It need not exist yet. With * and ? every log that matches, now and later; what a rotation makes of them (.1, .gz) belongs to its log.") { OnlyFor = Log, Required = true },
            new KeySpec("format", new ChoiceType("format of a log", LogFormats.Names, LogFormats.Names[1]), $"How its lines are written: {string.Join("; ", LogFormats.All.Select(f => $"{f.Name}: {f.Product}"))}.") { OnlyFor = Log, Default = LogFormats.Json },
            new KeySpec("envelope", new ChoiceType("envelope", Envelopes, "cri"), "What a container runtime writes around each line: docker for its json-file, cri for containerd and CRI-O; auto looks at each line.") { OnlyFor = Log, Default = "auto" },
            new KeySpec("only_paths", new ListType(new TextType("/v1/chat/completions")), "Paths, with *, of the requests that count. Of access logs only POSTs do.") { OnlyFor = Log, DefaultNote = "all" },
            new KeySpec("variant_limit", new IntegerType(1, 1000, "50"), "Variants that the log's lines may name at a time; further ones count under other, and as other_variants of vibe_fleetvibe.") { OnlyFor = Log, Default = "16" },
            new KeySpec("start_at", new ChoiceType("place to start at", ["end", "beginning"], "beginning"), "Where a log that was never read before is begun. The beginning is that of the file at path: what was rotated away before the first start (.1, .2.gz) is not read, and the log says so.") { OnlyFor = Log, Default = "end" },
            new KeySpec("timezone", new TimeZoneType(), "Zone of timestamps that name none.") { OnlyFor = Log, Default = "UTC" },
            new KeySpec("clock", new ChoiceType("clock", ["node", "external"], "external"), "Whose clock wrote the timestamps: external ones are never corrected by this node's offset.") { OnlyFor = [JsonLog, .. CollectorSchema.Kinds], Default = "node" },
            new KeySpec("success_status", new ListType(new WordType("\"fine\"")), "The statuses that mean success, in any case; replaces the built-in list. Without it a text that is in neither is named in the log once, and counts as an error.")
            {
                OnlyFor = Log,
                DefaultNote = $"missing, {string.Join(", ", JsonLogSourceSettings.DefaultSuccessStatus)}, 0, 100 to 399",
            },
            new KeySpec("poll", new DurationType("10ms", "1m", "\"1s\""), "Time between two looks at the log.") { OnlyFor = Log, Default = "250ms" },
            new KeySpec("max_line_bytes", new SizeType("1KiB", "64MiB", "\"2MiB\""), "Longest line; a longer one is skipped and counted.") { OnlyFor = Log, Default = "1MiB" },
            new KeySpec("rotate_wait", new DurationType("0s", "1h", "\"2m\""), "How long a rotated file is kept open for a writer that has not reopened.") { OnlyFor = Log, Default = "60s" },
            Map with { OnlyFor = [VibeThinker] },
            new KeySpec(
                "families",
                new MapType(new TextType("chat_requests_total"), FamilyMap.Figures, "{ requests = 'chat_requests_total{path=\"/chat\"}', response_time = \"chat_latency_ms ms\" }"),
                $"The family of each figure ({string.Join(", ", FamilyMap.Figures)}): a name as on the page, in braces the rows to take (label=\"a\", label!=\"a|b\"), and a unit: s, ms or us; ratio or percent; sum or count of a histogram. Alternatives stand behind or, the best first. Rows are added up.")
            {
                OnlyFor = Mapped,
                DefaultNote = "needed by prometheus; exec finds out which engine the page is of",
            },
            new KeySpec("model_label", new TextType("model_name"), "The label that names the model; with model only the rows of that one are read.") { OnlyFor = Mapped, DefaultNote = "none: set model" },
            new KeySpec("once_labels", new ListType(new TextType("tp_rank")), "Labels whose rows say the same again, such as a rank's: one of them is taken.") { OnlyFor = Mapped },
            new KeySpec("command", new CommandType("/usr/local/bin/nvidia-smi"), "The program; of nvml the one that is run where there is no library.") { OnlyFor = Tools, DefaultNote = $"nvidia-smi, {string.Join(", ", GpuTools.Kinds.Select(GpuTools.CommandOf))}" },
            new KeySpec("sample_interval", new DurationType("1s", "1m", "\"2s\""), "Time between two samples.") { OnlyFor = Tools, DefaultNote = "1s; 5s for rocm_smi and amd_smi" },
            new KeySpec("library", new TextType("/usr/lib/wsl/lib/libnvidia-ml.so.1"), "The driver's management library.") { OnlyFor = [Nvml], Default = NvmlSourceSettings.DefaultLibrary },
            new KeySpec("own_processes", new ListType(new TextType("serve.py")), "Which processes on the GPUs are the engine's: a part of the command, cgroup:NAME, or pid:NUMBER. Whoever descends from one of them, or is in the same service or container, is too; all others are foreign.")
            {
                OnlyFor = Nvidia,
                DefaultNote = "the known engines by their commands; where none of them is there, nothing is called foreign",
            },
            new KeySpec("kernel_log", new PathOrOffType("/var/log/kern.log"), "Where kills for want of memory and, by nvml and nvidia_smi, the driver's Xid errors are read: the kernel's own log, which needs CAP_SYSLOG, or a file of the syslog daemon; off reads none. Each is a vibe_event, of kind oom_kill and xid. Of several sources that read it one tells the kills: kernel, else the first.") { OnlyFor = [.. Nvidia, KernelSourceSettings.KindName], Default = KernelSourceSettings.DefaultKernelLog },
            .. CollectorSchema.Keys,
        ],
        Sections = [Fields],
    };

    /// <summary>The block of the VibeThinker plugin for Telegraf, as users have it.</summary>
    public static SectionSpec VibeThinkerInput { get; } = new("vibe_thinker", "A block of the VibeThinker plugin for Telegraf, as it is: a source of kind vibethinker.")
    {
        IsList = true,
        Reloads = true,
        Keys = [.. Shared.Select(ForAll), .. OverHttp.Select(ForAll), Map],
    };

    /// <summary>What the targets of a discovery have in common: a source without its address.</summary>
    public static SectionSpec Template { get; } = new("source", "What every found target is. Its labels may say otherwise.")
    {
        Keys =
        [
            new KeySpec("kind", new ChoiceType("kind of source", Pages, Vllm), "As in [[agent.sources]].") { Default = EngineSourceSettings.Auto },
            new KeySpec("scheme", new ChoiceType("scheme", ["http", "https"], "https"), "How the targets are reached; the label __scheme__ says otherwise.") { Default = "http" },
            new KeySpec("path", new TextType("/prometheus/metrics"), "Path of their pages; the label __metrics_path__ says otherwise.") { DefaultNote = "/metrics; / for auto" },
            .. Sources.Keys.Where(key => key.Name is not ("kind" or "name" or "endpoint") && (key.OnlyFor.Count == 0 || key.OnlyFor.Any(Pages.Contains)))
                .Select(key => key with { OnlyFor = [.. key.OnlyFor.Where(Pages.Contains)] }),
        ],
    };

    /// <summary>Kinds for a message: all engines as one.</summary>
    public static string Among(IReadOnlyList<string> kinds) =>
        string.Join(", ", Engines.All(kinds.Contains) ? kinds.Except(Engines).Prepend("any engine") : kinds);

    private static SectionSpec Fields => new("fields", "Names of the log's fields, of json_log only, where they differ from those of its format; a dot steps into an object, and or stands between alternatives, the best first.")
    {
        Keys =
        [
            Field("timestamp", "@timestamp or time", "When the request ended.", "timestamp"),
            Field("start", "started_at", "When the request began: gives the duration where the log has none, and with one the end.", "none"),
            Field("duration", "latency", "How long the request took: a number, or a text with units of its own such as 1m15s.", "duration_ms"),
            new KeySpec("duration_unit", new ChoiceType("unit", ["ms", "s", "us", "ns"], "s"), "Unit of a duration that names none.") { DefaultNote = "ms, or the format's" },
            Field("ttft", "ttft_ms", "Time to first token in milliseconds.", "none"),
            Field("first_token", "first_token_at", "When the first token came: gives the time to first token, with start.", "none"),
            Field("status", "result", "How it ended.", "status"),
            Field("input_tokens", "usage.prompt_tokens", "Tokens of the prompt.", "prompt_tokens"),
            Field("output_tokens", "usage.completion_tokens", "Tokens of the answer.", "completion_tokens"),
            Field("model", "model_name", "The model, where the source names none.", "model"),
            Field("task", "kind", "The task, where the source names none.", "task"),
            Field("variant", "prompt_version", "The variant, where the source names none: prompt version, LoRA or A/B arm; variant_limit bounds how many.", "none"),
            Field("method", "http.method", "The HTTP method, or the request line: with it only POSTs count.", "none"),
            Field("path", "http.path", "The path of the request, or the request line, for only_paths.", "none"),
        ],
    };

    private static IReadOnlyList<KeySpec> Shared =>
    [
        new KeySpec("name", new TextType("engine-a"), "The target tag; also tells two sources of the same kind and address apart.") { DefaultNote = "host:port of the endpoint, or the file's name" },
        new KeySpec("model", new TextType("qwen3-4b"), "The model tag.") { OnlyFor = OfModels, DefaultNote = "the log line's model; the model field of a proxied request; the engine's own name for it, needed where its pages have none; vibethinker-1.5b for vibethinker" },
        new KeySpec("task", new TextType("code_review"), "What the model is used for: the task tag.") { OnlyFor = OfModels, DefaultNote = "the log line's task, else default; algorithm_reasoning for vibethinker" },
        new KeySpec("variant", new TextType("prompt-v2"), "Prompt version, LoRA or A/B arm: the variant tag.") { OnlyFor = OfModels, DefaultNote = "none" },
        new KeySpec("counts", new BooleanType(), "Whether this source counts requests; without it the sources of the highest rank do (logs, proxies and collectors, then gateways, then engines, then summaries).") { OnlyFor = OfModels, DefaultNote = "by rank" },
        new KeySpec("gpu", new ListType(new WordType("0")), "Indices or UUIDs of the GPUs that serve this model.") { OnlyFor = OfModels, DefaultNote = "all" },
    ];

    private static IReadOnlyList<KeySpec> OverHttp =>
    [
        new KeySpec("endpoint", new UrlType(false, "\"https://127.0.0.1:8000/metrics\""), "Address of the metrics page; of a proxy the engine's, to which the paths of the clients are added. With auto the host and port are enough.") { OnlyFor = Http, Required = true },
        new KeySpec("token_file", new TokenFileType("/etc/fleetvibe/model.token"), "The bearer token for it.") { OnlyFor = Http },
        new KeySpec("token", new SecretType("use token_file, or token = \"${NAME}\"", AsToken: true), "The bearer token, out of the environment.") { OnlyFor = Http },
        .. ConfigurationSchema.TrustKeys("Allows a token over plain http off loopback.").Select(k => k with { OnlyFor = Http }),
        new KeySpec("headers", new MapType(new SecretType("use token_file, or \"Bearer ${NAME}\"", AsToken: false), [], "{ X-Scope = \"${SCOPE}\" }"), "Further headers of the request; their values are never shown.") { OnlyFor = Pages },
        new KeySpec("interval", new DurationType("1s", "1h", "\"30s\""), "Time between two collections. Under execd only while Telegraf sends no newline and no signal.") { OnlyFor = Polled, DefaultNote = "agent.interval" },
        new KeySpec("timeout", new DurationType("100ms", "1m", "\"5s\""), "After it a collection has failed; a command is killed with its children.") { OnlyFor = Polled, Default = "3s" },
    ];

    private static KeySpec Map => new(
        "map",
        new MapType(
            new TextType("stats.requests"),
            ["requests", "errors", "input_tokens", "output_tokens", "response_time_ms", "gpu_util_percent", "start_time"],
            "{ requests = \"stats.requests\" }"),
        "Where each figure stands in the summary, as a dotted path; behind a blank its kind where it is another, e.g. \"usage.last.input gauge\".") { DefaultNote = "each under its own name" };

    private static KeySpec Field(string name, string sample, string doc, string standard) =>
        new(name, new TextType(sample), doc) { DefaultNote = $"{standard}, or the format's" };

    private static KeySpec ForAll(KeySpec key) => key with { OnlyFor = [] };
}
