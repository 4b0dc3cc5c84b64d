using System.Globalization;

namespace FleetVibe.Simulator.Nodes;

/// <summary>vLLM's /metrics page: names, order, labels and help of the real one.</summary>
internal static class VllmPage
{
    private const int ExtraSeries = 5000;
    private const string HttpLabels = "handler=\"/v1/chat/completions\",method=\"POST\"";

    public static string ContentType(VllmVersion version) => version >= VllmVersion.V0_11
        ? "text/plain; version=1.0.0; charset=utf-8"
        : "text/plain; version=0.0.4; charset=utf-8";

    public static byte[] Render(VllmVersion version, string model, EngineCounters counters, EngineGauges gauges, NodeFault fault)
    {
        var page = new ExpositionWriter(fault == NodeFault.NaN);
        var escaped = ExpositionWriter.Escape(fault == NodeFault.NewlineInLabel ? model + "\nforged,host=evil" : model);
        WritePython(page, counters, gauges);
        WriteEngine(page, version, counters, gauges, new Labels(escaped));
        WriteHttp(page, counters);
        if (fault == NodeFault.ExtraSeries)
        {
            page.Family("app_extra_series", "gauge", "One series of very many.");
            for (var i = 0; i < ExtraSeries; i++)
            {
                page.Sample("app_extra_series", string.Create(CultureInfo.InvariantCulture, $"number=\"{i:D4}\""), i);
            }
        }

        return page.ToUtf8();
    }

    private static void WritePython(ExpositionWriter page, EngineCounters counters, EngineGauges gauges)
    {
        page.Family("python_gc_objects_collected_total", "counter", "Objects collected during gc");
        page.Sample("python_gc_objects_collected_total", "generation=\"0\"", 1425);
        page.Sample("python_gc_objects_collected_total", "generation=\"1\"", 50);
        page.Sample("python_gc_objects_collected_total", "generation=\"2\"", 0);
        page.Family("python_gc_collections_total", "counter", "Number of times this generation was collected");
        page.Sample("python_gc_collections_total", "generation=\"0\"", 116);
        page.Sample("python_gc_collections_total", "generation=\"1\"", 10);
        page.Sample("python_gc_collections_total", "generation=\"2\"", 0);
        page.Gauge(
            "python_info",
            "Python platform information",
            "implementation=\"CPython\",major=\"3\",minor=\"12\",patchlevel=\"11\",version=\"3.12.11\"",
            1);
        page.Gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", "", 1.98557696e+10);
        page.Gauge("process_resident_memory_bytes", "Resident memory size in bytes.", "", 4.21888e+09);
        page.Gauge(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            "",
            Math.Floor(ExpositionWriter.UnixSeconds(counters.StartedAt) * 100) / 100);
        page.Family("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.");
        page.Sample("process_cpu_seconds_total", "", gauges.CpuSeconds);
        page.Gauge("process_open_fds", "Number of open file descriptors.", "", 57);
        page.Gauge("process_max_fds", "Maximum number of open file descriptors.", "", 1048576);
    }

    private static void WriteEngine(
        ExpositionWriter page, VllmVersion version, EngineCounters counters, EngineGauges gauges, Labels labels)
    {
        var created = counters.StartedAt;
        var of = labels.None;
        var cache = version >= VllmVersion.V0_10_1 ? "" : "gpu_";
        page.Gauge("vllm:num_requests_running", "Number of requests in model execution batches.", of, gauges.Running);
        page.Gauge("vllm:num_requests_waiting", "Number of requests waiting to be processed.", of, gauges.Waiting);
        page.Gauge(
            version >= VllmVersion.V0_10_1 ? "vllm:kv_cache_usage_perc" : "vllm:gpu_cache_usage_perc",
            "KV-cache usage. 1 means 100 percent usage.",
            of,
            gauges.KvCacheRatio);
        page.Counter($"vllm:{cache}prefix_cache_queries_total", "Prefix cache queries, in terms of number of queried tokens.", created, (of, counters.PromptTokens));
        page.Counter($"vllm:{cache}prefix_cache_hits_total", "Prefix cache hits, in terms of number of cached tokens.", created, (of, counters.PromptTokens / 3));
        page.Counter("vllm:num_preemptions_total", "Cumulative number of preemption from the engine.", created, (of, 0));
        page.Counter("vllm:prompt_tokens_total", "Number of prefill tokens processed.", created, (of, counters.PromptTokens));
        page.Counter("vllm:generation_tokens_total", "Number of generation tokens processed.", created, (of, counters.CompletionTokens));
        WriteFinished(page, version, counters, labels);

        page.Histogram("vllm:request_prompt_tokens", "Number of prefill tokens processed.", created, labels.Le, counters.PromptTokensOfRequest);
        page.Histogram("vllm:request_generation_tokens", "Number of generation tokens processed.", created, labels.Le, counters.CompletionTokensOfRequest);
        page.Histogram("vllm:iteration_tokens_total", "Histogram of number of tokens per engine_step.", created, labels.Le, counters.Iteration);
        page.Histogram("vllm:request_max_num_generation_tokens", "Histogram of maximum number of requested generation tokens.", created, labels.Le, counters.MaxTokensOfRequest);
        page.Histogram("vllm:request_params_n", "Histogram of the n request parameter.", created, labels.Le, counters.ParamsN);
        page.Histogram("vllm:request_params_max_tokens", "Histogram of the max_tokens request parameter.", created, labels.Le, counters.ParamsMaxTokens);
        page.Histogram("vllm:time_to_first_token_seconds", "Histogram of time to first token in seconds.", created, labels.Le, counters.TimeToFirstToken);
        if (version >= VllmVersion.V0_11)
        {
            page.Histogram("vllm:inter_token_latency_seconds", "Histogram of inter-token latency in seconds.", created, labels.Le, counters.PerToken);
            page.Histogram("vllm:request_time_per_output_token_seconds", "Histogram of time_per_output_token_seconds per request.", created, labels.Le, counters.PerTokenOfRequest);
        }
        else
        {
            page.Histogram("vllm:time_per_output_token_seconds", "Histogram of time per output token in seconds.", created, labels.Le, counters.PerToken);
        }

        page.Histogram("vllm:e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.", created, labels.Le, counters.EndToEnd);
        page.Histogram("vllm:request_queue_time_seconds", "Histogram of time spent in WAITING phase for request.", created, labels.Le, counters.Queue);
        page.Histogram("vllm:request_inference_time_seconds", "Histogram of time spent in RUNNING phase for request.", created, labels.Le, counters.Inference);
        page.Histogram("vllm:request_prefill_time_seconds", "Histogram of time spent in PREFILL phase for request.", created, labels.Le, counters.Prefill);
        page.Histogram("vllm:request_decode_time_seconds", "Histogram of time spent in DECODE phase for request.", created, labels.Le, counters.Decode);
        page.Gauge(
            "vllm:cache_config_info",
            "Information of the LLMEngine CacheConfig",
            "block_size=\"16\",cache_dtype=\"auto\",enable_prefix_caching=\"True\",engine=\"0\",gpu_memory_utilization=\"0.9\",num_cpu_blocks=\"None\",num_gpu_blocks=\"37449\"",
            1);
    }

    private static void WriteFinished(ExpositionWriter page, VllmVersion version, EngineCounters counters, Labels labels)
    {
        const string name = "vllm:request_success_total";
        const string help = "Count of successfully processed requests.";
        var stopped = (labels.Reason("stop"), (double)(counters.Requests - counters.Errors - counters.LengthLimited));
        var limited = (labels.Reason("length"), (double)counters.LengthLimited);
        if (version >= VllmVersion.V0_11)
        {
            page.Counter(name, help, counters.StartedAt, stopped, limited, (labels.Reason("abort"), 0), (labels.Reason("error"), counters.Errors));
        }
        else
        {
            // Before the reason "error" an engine had no other word for a request that it gave up.
            page.Counter(name, help, counters.StartedAt, stopped, limited, (labels.Reason("abort"), counters.Errors));
        }
    }

    private static void WriteHttp(ExpositionWriter page, EngineCounters counters)
    {
        page.Counter(
            "http_requests_total",
            "Total number of requests by method, status and handler.",
            counters.StartedAt,
            (HttpLabels + ",status=\"2xx\"", counters.Requests - counters.Errors),
            (HttpLabels + ",status=\"5xx\"", counters.Errors));
        page.Histogram(
            "http_request_duration_highr_seconds",
            "Latency with many buckets but no API specific labels. Made for more accurate percentile calculations. ",
            counters.StartedAt,
            le => le is null ? "" : $"le=\"{le}\"",
            counters.Http);
    }

    /// <summary>Labels in client_python's order, which is the alphabet's.</summary>
    private sealed class Labels(string escapedModel)
    {
        public string None { get; } = $"engine=\"0\",model_name=\"{escapedModel}\"";

        public string Le(string? le) => le is null ? None : $"engine=\"0\",le=\"{le}\",model_name=\"{escapedModel}\"";

        public string Reason(string reason) => $"engine=\"0\",finished_reason=\"{reason}\",model_name=\"{escapedModel}\"";
    }
}
