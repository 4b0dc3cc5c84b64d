using System.Buffers;
using System.Text;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.Histograms;
using FleetVibe.Metrics.LineProtocol;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Metrics.Tests;

/// <summary>The hot paths allocate nothing once they are warm.</summary>
public class AllocationTests
{
    private const int Rounds = 200;

    private static readonly double[] Bounds = [.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60];

    private static readonly long[] Deltas = [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 9];

    [Fact]
    public void The_check_sees_an_allocation() => Assert.True(AllocatedBy(() => GC.KeepAlive(new object())) >= Rounds * 16);

    [Fact]
    public void Recording_allocates_nothing()
    {
        var distribution = new Distribution();
        distribution.AddClassic(Bounds, Deltas, 1);
        var value = 0;

        Assert.Equal(0, AllocatedBy(() => distribution.Record(0.001 + value++ % 100 * 0.37)));
        Assert.Equal(0, AllocatedBy(() => distribution.AddClassic(Bounds, Deltas, 1)));
    }

    [Fact]
    public void Merging_allocates_nothing()
    {
        var from = new SeriesTotals { Requests = 3 };
        from.ResponseTime.AddClassic(Bounds, Deltas, 1);
        from.Ttft.Record(0.2);
        var into = new SeriesTotals();

        Assert.Equal(0, AllocatedBy(() => into.Merge(from)));
        Assert.Equal(0, AllocatedBy(() => into.ResponseTime.Quantile(990)));
    }

    [Fact]
    public void Reading_the_families_asked_for_allocates_nothing()
    {
        var page = Page();
        var filter = new FamilyFilter("vllm_num_requests_running", "vllm_e2e_request_latency_seconds", "vllm_prompt_tokens");
        var sum = 0.0;

        Assert.Equal(0, AllocatedBy(() =>
        {
            var reader = new ExpositionReader(page, filter);
            while (reader.Read())
            {
                sum += reader.FamilyId + reader.Value + reader.UpperBound;
                sum += reader.TryGetLabel("model_name"u8, out var model) ? model.Length : 0;
            }
        }));
        Assert.True(double.IsPositiveInfinity(sum));
    }

    [Fact]
    public void Writing_a_point_allocates_nothing()
    {
        var output = new ArrayBufferWriter<byte>(1 << 20);
        var writer = new LineProtocolWriter(output);

        Assert.Equal(0, AllocatedBy(() =>
        {
            output.ResetWrittenCount();
            writer.BeginPoint("vibe_model");
            writer.Tag("model", "WeiboAI/VibeThinker 1.5B");
            writer.Tag("host", "gpu-1");
            writer.Tag("task", "algorithm_reasoning");
            writer.Field("requests", 12);
            writer.Field("response_time_ms", 1234.5678);
            writer.Field("final", true);
            writer.Field("precision", "ex\"act");
            Assert.True(writer.EndPoint(1_764_000_000_000_000_000));
        }));
    }

    private static long AllocatedBy(Action action)
    {
        for (var i = 0; i < Rounds; i++)
        {
            action();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Rounds; i++)
        {
            action();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static byte[] Page()
    {
        var page = new StringBuilder("# HELP vllm:num_requests_running x\n# TYPE vllm:num_requests_running gauge\n");
        page.Append("vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 3.0\n");
        foreach (var bound in Bounds)
        {
            page.Append(System.Globalization.CultureInfo.InvariantCulture, $"vllm:e2e_request_latency_seconds_bucket{{engine=\"0\",le=\"{bound:0.0}\",model_name=\"m\"}} {bound * 10}\n");
            page.Append(System.Globalization.CultureInfo.InvariantCulture, $"vllm:other_seconds_bucket{{engine=\"0\",le=\"{bound:0.0}\",model_name=\"m\"}} {bound * 10}\n");
        }

        page.Append("vllm:e2e_request_latency_seconds_bucket{engine=\"0\",le=\"+Inf\",model_name=\"m\"} 700.0\n");
        return Encoding.UTF8.GetBytes(page.ToString());
    }
}
