using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Certificates;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Simulator.Nodes;

/// <summary>How a simulated model server behaves. The same settings and clock give the same requests.</summary>
public sealed record SimulatedNodeSettings
{
    /// <summary>The host's name, as the truth tells it.</summary>
    public required string Name { get; init; }

    /// <summary>Seed of the requests and gauges; mixed with <see cref="Name"/>.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Folder of the log, the tokens, the certificate and the GPU tool; one a node, made where missing.</summary>
    public required string Directory { get; init; }

    public ListenAddress Listen { get; init; } = ListenAddress.Ephemeral;

    /// <summary>Names and addresses of the certificate besides localhost, 127.0.0.1 and ::1.</summary>
    public IReadOnlyList<string> CertificateNames { get; init; } = [];

    /// <summary>Who signs the node's certificate; null means an authority of its own in <see cref="Directory"/>.</summary>
    public SelfMadeAuthority? Authority { get; init; }

    /// <summary>What readers must present; null means a random one, or that of an earlier run in the same folder.</summary>
    public string? Token { get; init; }

    /// <summary>Mean rate of finished requests; at least 5.</summary>
    public double RequestsPerSecond { get; init; } = 5;

    /// <summary>False leaves it to <see cref="SimulatedNode.FinishNow"/> when a request finishes.</summary>
    public bool OwnTraffic { get; init; } = true;

    /// <summary>Traffic starts only after each of these has read once, so that no baseline hides a request.</summary>
    public ExpectedReaders ExpectedReaders { get; init; } = ExpectedReaders.Metrics;

    /// <summary>A further condition for the first request, beside the readers; null means none.</summary>
    public Task? StartAfter { get; init; }

    public string Model { get; init; } = "vibethinker-1.5b";

    public string Task { get; init; } = "algorithm_reasoning";

    public LatencyProfile Latency { get; init; } = LatencyProfile.Usual;

    public VllmVersion Vllm { get; init; } = VllmVersion.V0_10_1;

    /// <summary>Lines after which the request log is renamed to <c>requests.jsonl.1</c> and begun anew; null never.</summary>
    public int? LogRotateEvery { get; init; }

    /// <summary>Rotated logs kept.</summary>
    public int LogKeep { get; init; } = 100;

    /// <summary>Boards that the GPU tool shows.</summary>
    public int GpuCount { get; init; } = 1;

    /// <summary>A writer that several nodes share; else <see cref="TruthPath"/>.</summary>
    public TruthWriter? Truth { get; init; }

    /// <summary>File of the truth; null means <c>truth.jsonl</c> in <see cref="Directory"/>.</summary>
    public string? TruthPath { get; init; }

    /// <summary>The truth's <c>target</c>; null means the log's file name.</summary>
    public string? Target { get; init; }

    /// <summary>The truth's <c>source</c>: the kind of the source that counts.</summary>
    public string Source { get; init; } = "json_log";

    /// <summary>How long <see cref="NodeFault.Slow"/> holds an answer back.</summary>
    public TimeSpan SlowBy { get; init; } = TimeSpan.FromSeconds(5);

    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Name);
        ArgumentException.ThrowIfNullOrWhiteSpace(Directory);
        if (!(RequestsPerSecond >= 5) || double.IsInfinity(RequestsPerSecond))
        {
            throw new ArgumentException(FormattableString.Invariant(
                $"RequestsPerSecond is {RequestsPerSecond}: at least 5 are needed, or a window is too thin for a p99"));
        }

        if (LogRotateEvery < 1 || LogKeep < 1 || GpuCount < 1)
        {
            throw new ArgumentException("LogRotateEvery, LogKeep and GpuCount must be at least 1");
        }
    }
}

/// <summary>Readers that a node waits for.</summary>
[Flags]
public enum ExpectedReaders
{
    None = 0,

    /// <summary>GET /metrics, answered whole.</summary>
    Metrics = 1,

    /// <summary>GET /summary, answered whole.</summary>
    Summary = 2,

    /// <summary>The GPU tool was asked for the boards' values.</summary>
    GpuTool = 4,
}

/// <summary>Whose metric names and buckets the page has.</summary>
public enum VllmVersion
{
    /// <summary>gpu_cache names, no bucket above 60 s.</summary>
    V0_8_4,

    /// <summary>gpu_cache names, buckets to 7,680 s.</summary>
    V0_9_1,

    /// <summary>kv_cache and prefix_cache names, time_per_output_token.</summary>
    V0_10_1,

    /// <summary>As V0_10_1, but inter_token_latency and the finished_reason error.</summary>
    V0_11,
}

/// <summary>What a node's /metrics and /summary do wrong.</summary>
public enum NodeFault
{
    None,

    /// <summary>200 with a page of HTML.</summary>
    Html,

    /// <summary>200 with half a gzip stream.</summary>
    TruncatedGzip,

    /// <summary>200 with ten gigabytes of comment lines.</summary>
    EndlessBody,

    /// <summary>Every value is NaN.</summary>
    NaN,

    /// <summary>The model's name holds a newline, escaped as the exposition wants it.</summary>
    NewlineInLabel,

    /// <summary>503, on /health too.</summary>
    Unavailable,

    /// <summary>404, as an engine started without metrics.</summary>
    NotFound,

    /// <summary>401 in spite of a good token.</summary>
    Unauthorized,

    /// <summary>302 to another origin.</summary>
    Redirect,

    /// <summary>200 without a byte.</summary>
    EmptyBody,

    /// <summary>The right answer, after <see cref="SimulatedNodeSettings.SlowBy"/>.</summary>
    Slow,

    /// <summary>No answer until the caller gives up.</summary>
    Hang,

    /// <summary>The connection is reset.</summary>
    Reset,

    /// <summary>5,000 more series.</summary>
    ExtraSeries,

    /// <summary>The page answers, requests wait, none finishes.</summary>
    Wedged,
}
