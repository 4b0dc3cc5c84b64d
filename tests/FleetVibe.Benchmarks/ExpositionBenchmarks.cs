using System.Globalization;
using System.Text;
using BenchmarkDotNet.Attributes;
using FleetVibe.Metrics.Exposition;

namespace FleetVibe.Benchmarks;

/// <summary>A page the size of a vLLM server's: some 60 families, 45 kB, of which an adapter asks for nine.</summary>
[MemoryDiagnoser]
public class ExpositionBenchmarks
{
    private readonly byte[] _page = Page();
    private readonly FamilyFilter _filter = new(
        "vllm_family_0_seconds", "vllm_family_1_seconds", "vllm_gauge_0", "vllm_gauge_1", "vllm_gauge_2",
        "vllm_counter_0", "vllm_counter_1", "vllm_counter_2", "vllm_counter_3");

    [Benchmark(Baseline = true)]
    public double Unfiltered() => Sum(null);

    [Benchmark]
    public double Filtered() => Sum(_filter);

    private double Sum(FamilyFilter? filter)
    {
        var sum = 0.0;
        var reader = new ExpositionReader(_page, filter);
        while (reader.Read())
        {
            sum += reader.Value;
        }

        return sum;
    }

    private static byte[] Page()
    {
        const string Labels = "engine=\"0\",model_name=\"WeiboAI/VibeThinker-1.5B\"";
        var page = new StringBuilder();
        for (var family = 0; family < 14; family++)
        {
            page.Append(CultureInfo.InvariantCulture, $"# HELP vllm:family_{family}_seconds Histogram of something in seconds.\n# TYPE vllm:family_{family}_seconds histogram\n");
            for (var bucket = 0; bucket < 22; bucket++)
            {
                page.Append(CultureInfo.InvariantCulture, $"vllm:family_{family}_seconds_bucket{{engine=\"0\",le=\"{0.001 * (1 << bucket)}\",model_name=\"WeiboAI/VibeThinker-1.5B\"}} {bucket * 17}.0\n");
            }

            page.Append(CultureInfo.InvariantCulture, $"vllm:family_{family}_seconds_sum{{{Labels}}} 1234.56789\nvllm:family_{family}_seconds_count{{{Labels}}} 374.0\n");
        }

        for (var i = 0; i < 22; i++)
        {
            page.Append(CultureInfo.InvariantCulture, $"# HELP vllm:gauge_{i} A gauge.\n# TYPE vllm:gauge_{i} gauge\nvllm:gauge_{i}{{{Labels}}} {i}.25\n");
            page.Append(CultureInfo.InvariantCulture, $"# HELP vllm:counter_{i}_total A counter.\n# TYPE vllm:counter_{i}_total counter\nvllm:counter_{i}_total{{{Labels}}} {i}.234567e+06\n");
        }

        return Encoding.UTF8.GetBytes(page.ToString());
    }
}
