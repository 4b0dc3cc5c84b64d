using FleetVibe.Metrics.Exposition;
using static FleetVibe.Agent.Sources.Engines.EngineMark;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>
/// The engines that are known, in the order in which a page is held against them. What a server does not give stands in no
/// table, and is absent. A new engine is a new entry here and its test.
/// </summary>
internal static class EngineTables
{
    private const double Milliseconds = 0.001;

    private static readonly string[] InferencePaths =
    [
        "/v1/chat/completions", "/chat/completions", "/v1/completions", "/completions", "/v1/edits", "/edits", "/v1/embeddings", "/embeddings",
        "/v1/responses", "/v1/messages",
    ];

    public static IReadOnlyList<EngineTable> All { get; } =
    [
        Vllm(), Sglang(), Lmdeploy(), TensorRtLlm(), Tgi(), Tei(), LlamaCpp(), Triton(), LiteLlm(), Nim(), MindIe(), LocalAi(), Starlette(), Instrumentator(),
    ];

    public static EngineTable Of(string kind) => All.First(table => table.Kind == kind);

    /// <summary>The table of a source whose engine is not left open.</summary>
    public static EngineTable For(EngineSourceSettings settings) =>
        settings.Engine == EngineSourceSettings.Generic ? FamilyMap.ToTable(settings) : Of(settings.Engine);

    // v0 and v1, 0.3.3 on. Ray's wrappers and the missing _total are FamilyFilter's.
    private static EngineTable Vllm() => new("vllm", "vLLM",
    [
        new("vllm:num_requests_running", Figure.Running),
        new("vllm:num_requests_waiting", Figure.Waiting),
        new("vllm:kv_cache_usage_perc", Figure.KvCache),

        // Its name up to 0.9.1; for some releases both stand on the page.
        new("vllm:gpu_cache_usage_perc", Figure.KvCache),
        new("vllm:prompt_tokens", Figure.InputTokens),
        new("vllm:generation_tokens", Figure.OutputTokens),
        new("vllm:e2e_request_latency_seconds", Figure.ResponseTime),
        new("vllm:request_success", Figure.Finished) { ReasonLabel = "finished_reason" },
        new("vllm:time_to_first_token_seconds", Figure.Ttft),
    ])
    {
        Marks = [Begin("vllm:")],

        // Triton's backend calls the label model.
        ModelLabels = ["model_name", "model"],
        DisabledCure = "start vLLM without --disable-log-stats, and let endpoint end in /metrics",
        VersionPath = "/version",
    };

    // Every tensor, pipeline and expert rank repeats the figures; data-parallel ranks have their own. Rows of a priority are
    // parts of the row without one.
    private static EngineTable Sglang() => new("sglang", "SGLang",
    [
        new("sglang:num_running_reqs", Figure.Running),
        new("sglang:num_queue_reqs", Figure.Waiting),
        new("sglang:token_usage", Figure.KvCache),
        new("sglang:prompt_tokens", Figure.InputTokens),
        new("sglang:generation_tokens", Figure.OutputTokens),
        new("sglang:e2e_request_latency_seconds", Figure.ResponseTime),
        new("sglang:num_requests", Figure.Requests),
        new("sglang:num_aborted_requests", Figure.Errors),
        new("sglang:time_to_first_token_seconds", Figure.Ttft),
    ])
    {
        Marks = [Begin("sglang:")],

        // The first release called the label name.
        ModelLabels = ["model_name", "name"],
        ProcessLabels = ["model_name", "name", "engine_type", "dp_rank"],
        OnceLabels = ["tp_rank", "pp_rank", "moe_ep_rank", "pid"],
        Where = [new("priority", [""])],
        DisabledCure = "start SGLang with --enable-metrics, and let endpoint end in /metrics",
        VersionPath = "/get_server_info",
    };

    private static EngineTable Lmdeploy() => new("lmdeploy", "LMDeploy",
    [
        new("lmdeploy:num_requests_running", Figure.Running),
        new("lmdeploy:num_requests_waiting", Figure.Waiting),
        new("lmdeploy:gpu_cache_usage_perc", Figure.KvCache),
        new("lmdeploy:prompt_tokens", Figure.InputTokens),
        new("lmdeploy:generation_tokens", Figure.OutputTokens),
        new("lmdeploy:e2e_request_latency_seconds", Figure.ResponseTime),
        new("lmdeploy:request_success", Figure.Finished) { ReasonLabel = "finished_reason" },

        // Typed as gauges, and only ever rising.
        new("lmdeploy:num_requests_succeeded", Figure.Succeeded),
        new("lmdeploy:num_requests_failed", Figure.Errors),
        new("lmdeploy:time_to_first_token_seconds", Figure.Ttft),
    ])
    {
        Marks = [Begin("lmdeploy:")],
        ProcessLabels = ["model_name", "engine"],
        DisabledCure = "start LMDeploy without --disable-metrics (older releases: with --enable-metrics), and let endpoint end in /metrics",
    };

    private static EngineTable TensorRtLlm() => new("trtllm", "TensorRT-LLM",
    [
        new("trtllm_num_requests_running", Figure.Running),
        new("trtllm_num_requests_waiting", Figure.Waiting),
        new("trtllm_kv_cache_utilization", Figure.KvCache),
        new("trtllm_e2e_request_latency_seconds", Figure.ResponseTime),
        new("trtllm_request_success", Figure.Finished) { ReasonLabel = "finished_reason" },
        new("trtllm_request_error", Figure.Errors),
        new("trtllm_time_to_first_token_seconds", Figure.Ttft),
    ])
    {
        Marks = [Begin("trtllm_")],
        ProcessLabels = ["model_name", "engine_type"],
        DisabledCure = "start trtllm-serve with return_perf_metrics = true, and let endpoint end in /prometheus/metrics",
        VersionPath = "/version",
    };

    // One model a server, which only /info names. The latency is recorded where a request succeeds.
    private static EngineTable Tgi() => new("tgi", "Text Generation Inference",
    [
        new("tgi_batch_current_size", Figure.Running),
        new("tgi_queue_size", Figure.Waiting),
        new("tgi_request_input_length", Figure.InputTokens) { Part = SamplePart.Sum },
        new("tgi_request_generated_tokens", Figure.OutputTokens) { Part = SamplePart.Sum },
        new("tgi_request_duration", Figure.ResponseTime),
        new("tgi_request_success", Figure.Succeeded),
        new("tgi_request_failure", Figure.Errors),
    ])
    {
        Marks = [Begin("tgi_")],
        ModelLabels = [],
        ProcessLabels = [],
        LatencyIsOfSuccesses = true,
        DisabledCure = "TGI has its metrics on the port of its API: let endpoint end in /metrics there",
        Beside = [EngineAside.Info],
        VersionPath = EngineAside.Info,
    };

    // te_request_count is left out: it counts single requests twice. te_queue_size is left out: it stands still.
    private static EngineTable Tei() => new("tei", "Text Embeddings Inference",
    [
        new("te_request_input_length", Figure.InputTokens) { Part = SamplePart.Sum },
        new("te_request_duration", Figure.ResponseTime),
        new("te_request_success", Figure.Succeeded),
        new("te_request_failure", Figure.Errors),
    ])
    {
        Marks = [Begin("te_request_"), Begin("te_embed_"), Begin("te_predict_"), Begin("te_batch_"), Begin("te_queue_")],
        ModelLabels = [],
        ProcessLabels = [],
        LatencyIsOfSuccesses = true,
        DisabledCure = "TEI has its metrics on the port of its API at /metrics; a gRPC build on --prometheus-port, 9000",
        Beside = [EngineAside.Info],
        VersionPath = EngineAside.Info,
    };

    // No distributions and no count of requests. The KV cache went in May 2025; forks kept it.
    private static EngineTable LlamaCpp() => new("llamacpp", "llama.cpp",
    [
        new("llamacpp:requests_processing", Figure.Running),
        new("llamacpp:requests_deferred", Figure.Waiting),
        new("llamacpp:kv_cache_usage_ratio", Figure.KvCache),
        new("llamacpp:prompt_tokens", Figure.InputTokens),
        new("llamacpp:tokens_predicted", Figure.OutputTokens),
    ])
    {
        Marks = [Begin("llamacpp:")],
        ModelLabels = [],
        ProcessLabels = [],
        DisabledCure = "start llama-server with --metrics, and let endpoint end in /metrics",
        Beside = [EngineAside.Health, EngineAside.Slots, EngineAside.Props],
        VersionPath = EngineAside.Props,
    };

    private static EngineTable Triton() => new("triton", "Triton",
    [
        new("nv_trt_llm_request_metrics", Figure.Running) { Where = [new("request_type", ["scheduled"])] },
        new("nv_trt_llm_request_metrics", Figure.Waiting) { Where = [new("request_type", ["waiting"])] },
        new("nv_inference_pending_request_count", Figure.Waiting),
        new("nv_trt_llm_kv_cache_block_metrics", Figure.KvCache) { Where = [new("kv_cache_block_type", ["fraction"])] },
        new("nv_inference_request_success", Figure.Succeeded),
        new("nv_inference_request_failure", Figure.Errors),
        new("nv_inference_first_response_histogram_ms", Figure.Ttft) { Scale = Milliseconds },
    ])
    {
        Marks = [Begin("nv_inference_"), Begin("nv_trt_llm_")],
        ModelLabels = ["model"],
        ModelSelects = true,
        ProcessLabels = ["model", "version"],
        DisabledCure = "start Triton with --allow-metrics=true, and let endpoint be its metrics port, 8002, at /metrics",
    };

    // One row for every key, user and team: all but the model and the status is hashed.
    private static EngineTable LiteLlm() => new("litellm", "LiteLLM",
    [
        new("litellm_input_tokens_metric", Figure.InputTokens),
        new("litellm_output_tokens_metric", Figure.OutputTokens),
        new("litellm_request_total_latency_metric", Figure.ResponseTime),
        new("litellm_proxy_total_requests_metric", Figure.Requests),
        new("litellm_proxy_failed_requests_metric", Figure.Errors),
        new("litellm_llm_api_time_to_first_token_metric", Figure.Ttft),
    ])
    {
        Marks = [Begin("litellm_")],
        ModelLabels = ["requested_model", "model"],
        ModelSelects = true,
        ProcessLabels = [],
        OpenLabels = ["requested_model", "model"],
        LatencyIsOfSuccesses = true,
        Rank = SourceRank.Gateway,
        DisabledCure = "set callbacks = [\"prometheus\"] in LiteLLM's litellm_settings, and let endpoint end in /metrics",
    };

    // Names without a prefix, as vLLM's v0 had them.
    private static EngineTable Nim() => new("nim", "NVIDIA NIM",
    [
        new("num_requests_running", Figure.Running),
        new("num_requests_waiting", Figure.Waiting),
        new("gpu_cache_usage_perc", Figure.KvCache),
        new("prompt_tokens", Figure.InputTokens),
        new("generation_tokens", Figure.OutputTokens),
        new("e2e_request_latency_seconds", Figure.ResponseTime),
        new("request_finish", Figure.Finished) { ReasonLabel = "finished_reason" },
        new("request_success", Figure.Succeeded),
        new("request_failure", Figure.Errors),
        new("time_to_first_token_seconds", Figure.Ttft),
    ])
    {
        Marks = [All("num_request_max")],
        ProcessLabels = ["model_name"],
        DisabledCure = "let endpoint end in /v1/metrics (the first releases: /metrics)",
        VersionPath = "/v1/version",
    };

    private static EngineTable MindIe() => new("mindie", "MindIE",
    [
        new("num_requests_running", Figure.Running),
        new("num_requests_waiting", Figure.Waiting),
        new("npu_cache_usage_perc", Figure.KvCache),
        new("prompt_tokens", Figure.InputTokens),
        new("generation_tokens", Figure.OutputTokens),
        new("e2e_request_latency_seconds", Figure.ResponseTime),
        new("request_success", Figure.Succeeded),
        new("request_failed", Figure.Errors),
        new("time_to_first_token_seconds", Figure.Ttft),
    ])
    {
        Marks = [All("request_received", "request_failed")],
        ProcessLabels = ["model_name"],
        DisabledCure = "switch MindIE's metrics on, and let endpoint end in /metrics",
    };

    private static EngineTable LocalAi() => new("localai", "LocalAI",
    [
        new("api_call", Figure.ResponseTime) { Where = [new("method", ["POST"]), new("path", InferencePaths)] },
    ])
    {
        Marks = [All("api_call"), Begin("localai_")],
        ModelLabels = [],
        ProcessLabels = [],
        DisabledCure = "LocalAI shows /metrics to its admin key only: set token_file, and let endpoint end in /metrics",
        VersionPath = "/version",
    };

    // Of a web service the requests that ask for something are POSTs; a GET is a probe, a scrape or a page.
    private static EngineTable Starlette() => new("starlette_exporter", "starlette_exporter",
    [
        new("starlette_requests_in_progress", Figure.Running) { Where = [new("method", ["POST"])] },
        new("starlette_request_duration_seconds", Figure.ResponseTime) { Where = [new("method", ["POST"])] },
        new("starlette_requests", Figure.Finished) { Where = [new("method", ["POST"])], ReasonLabel = "status_code", FinishOf = FinishReasons.OfHttp },
    ])
    {
        Marks = [Begin("starlette_")],
        ModelLabels = [],
        ProcessLabels = ["app_name"],
        IsOfAnyService = true,
        DisabledCure = "add starlette_exporter's middleware and its handle_metrics route; with a prefix of your own use kind = \"prometheus\"",
    };

    private static EngineTable Instrumentator() => new("fastapi_instrumentator", "prometheus-fastapi-instrumentator",
    [
        new("http_requests_inprogress", Figure.Running) { Where = [new("method", ["POST"])] },
        new("http_request_duration_seconds", Figure.ResponseTime) { Where = [new("method", ["POST"]), new("handler", ["none"], Excepts: true)] },
        new("http_requests", Figure.Finished)
        {
            Where = [new("method", ["POST"]), new("handler", ["none"], Excepts: true)],
            ReasonLabel = "status",
            FinishOf = FinishReasons.OfHttp,
        },
    ])
    {
        Marks = [All("http_request_duration_highr_seconds"), All("http_requests", "http_request_size_bytes", "http_response_size_bytes")],
        ModelLabels = [],
        ProcessLabels = [],
        IsOfAnyService = true,
        DisabledCure = "call Instrumentator().instrument(app).expose(app); with a namespace of your own use kind = \"prometheus\"",
    };
}
