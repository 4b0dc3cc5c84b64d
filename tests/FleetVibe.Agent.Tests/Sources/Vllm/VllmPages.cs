using System.Globalization;
using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Agent.Sources.Engines;

namespace FleetVibe.Agent.Tests.Sources.Vllm;

/// <summary>Expositions in the shape of vLLM's releases, made of numbers of our own.</summary>
internal static class VllmPages
{
    public const string Model = "WeiboAI/VibeThinker-1.5B";

    public static readonly DateTimeOffset Epoch = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);

    public static readonly VllmSourceSettings Settings = new() { Endpoint = new Uri("http://127.0.0.1:8000/metrics") };

    /// <summary>e2e bounds of a short page.</summary>
    public static readonly double[] Bounds = [1, 10, 60];

    public static FetchedPage Page(string text, double at = 10, string mediaType = "text/plain") =>
        new(Encoding.UTF8.GetBytes(text), mediaType, Epoch.AddSeconds(at));

    public static CounterState Fresh() => new(new EngineAdapter(Settings).Origin, Epoch);

    public static PolledPage Read(this CounterState state, string text, double at, VllmSourceSettings? settings = null) =>
        new EngineAdapter(settings ?? Settings).Read(state, Page(text, at));

    /// <summary>One engine's part of a page of vLLM 0.9.2 or later.</summary>
    /// <param name="latency">Cumulative counts of <see cref="Bounds"/> and the total; null leaves the family out.</param>
    public static string Engine(
        string engine = "0", long[]? latency = null, long prompt = 0, long generated = 0, long stop = 0, long length = 0, long abort = 0,
        double sum = 0, string prefix = "vllm:", string kv = "kv_cache_usage_perc", double kvUse = 0.25, long running = 1, long waiting = 0, string model = Model)
    {
        var labels = $"engine=\"{engine}\",model_name=\"{model}\"";
        var text = new StringBuilder();
        text.Append(Invariant($"# HELP {prefix}num_requests_running Number of requests.\n# TYPE {prefix}num_requests_running gauge\n"));
        text.Append(Invariant($"{prefix}num_requests_running{{{labels}}} {running}.0\n{prefix}num_requests_waiting{{{labels}}} {waiting}.0\n"));
        text.Append(Invariant($"{prefix}{kv}{{{labels}}} {kvUse}\n"));
        text.Append(Invariant($"{prefix}prompt_tokens_total{{{labels}}} {prompt}.0\n{prefix}generation_tokens_total{{{labels}}} {generated}.0\n"));
        text.Append(Invariant($"{prefix}request_success_total{{engine=\"{engine}\",finished_reason=\"stop\",model_name=\"{model}\"}} {stop}.0\n"));
        text.Append(Invariant($"{prefix}request_success_total{{engine=\"{engine}\",finished_reason=\"length\",model_name=\"{model}\"}} {length}.0\n"));
        text.Append(Invariant($"{prefix}request_success_total{{engine=\"{engine}\",finished_reason=\"abort\",model_name=\"{model}\"}} {abort}.0\n"));
        if (latency is not null)
        {
            text.Append(Histogram($"{prefix}e2e_request_latency_seconds", labels, latency, sum));
            text.Append(Histogram($"{prefix}time_to_first_token_seconds", labels, latency, sum / 10));
        }

        return text.ToString();
    }

    public static string Histogram(string name, string labels, long[] cumulative, double sum)
    {
        var text = new StringBuilder(Invariant($"# TYPE {name} histogram\n"));
        for (var i = 0; i < Bounds.Length; i++)
        {
            text.Append(Invariant($"{name}_bucket{{{labels},le=\"{Bounds[i]:0.0}\"}} {cumulative[i]}.0\n"));
        }

        return text.Append(Invariant($"{name}_bucket{{{labels},le=\"+Inf\"}} {cumulative[^1]}.0\n{name}_count{{{labels}}} {cumulative[^1]}.0\n{name}_sum{{{labels}}} {sum}\n")).ToString();
    }

    public static string Process(double started) => Invariant($"process_start_time_seconds {Epoch.AddSeconds(started).ToUnixTimeMilliseconds() / 1e3}\n");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
