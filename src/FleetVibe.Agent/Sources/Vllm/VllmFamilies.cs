using FleetVibe.Metrics.Exposition;

namespace FleetVibe.Agent.Sources.Vllm;

/// <summary>The families of a vLLM page that are read, under the names that its releases and Ray's wrappers give them.</summary>
internal static class VllmFamilies
{
    public const int ProcessStart = 0;
    public const int Running = 1;
    public const int Waiting = 2;
    public const int KvCache = 3;

    /// <summary>Name of the KV cache gauge up to 0.9.1; where both stand on a page the new one holds.</summary>
    public const int GpuCache = 4;
    public const int PromptTokens = 5;
    public const int GenerationTokens = 6;
    public const int RequestSuccess = 7;
    public const int ResponseTime = 8;
    public const int Ttft = 9;

    private static readonly Dictionary<string, int> Families = new()
    {
        ["process_start_time_seconds"] = ProcessStart,
        ["vllm:num_requests_running"] = Running,
        ["vllm:num_requests_waiting"] = Waiting,
        ["vllm:kv_cache_usage_perc"] = KvCache,
        ["vllm:gpu_cache_usage_perc"] = GpuCache,
        ["vllm:prompt_tokens"] = PromptTokens,
        ["vllm:generation_tokens"] = GenerationTokens,
        ["vllm:request_success"] = RequestSuccess,
        ["vllm:e2e_request_latency_seconds"] = ResponseTime,
        ["vllm:time_to_first_token_seconds"] = Ttft,
    };

    public static FamilyFilter Filter { get; } = new(Families);

    public static string NameOf(int family) => Families.First(f => f.Value == family).Key.Replace("vllm:", "", StringComparison.Ordinal);

    /// <summary>How a finish counts. A truncated answer is no error, and what a later release names is a normal end.</summary>
    public static Prometheus.Measure FinishOf(string? reason) => reason?.ToLowerInvariant() switch
    {
        "abort" or "error" => Prometheus.Measure.FinishedInError,
        "length" => Prometheus.Measure.FinishedAtLimit,
        _ => Prometheus.Measure.FinishedNormally,
    };
}
