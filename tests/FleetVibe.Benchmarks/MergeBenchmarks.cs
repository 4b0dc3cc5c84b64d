using BenchmarkDotNet.Attributes;
using FleetVibe.Metrics.Histograms;
using HdrHistogram;

namespace FleetVibe.Benchmarks;

/// <summary>One host's window of 1,000 requests into the fleet's.</summary>
[MemoryDiagnoser]
public class MergeBenchmarks
{
    private readonly ExponentialHistogram _from = new();
    private readonly ExponentialHistogram _into = new();
    private readonly LongHistogram _hdrFrom = new(1, 10_000_000_000, 2);
    private readonly LongHistogram _hdrInto = new(1, 10_000_000_000, 2);

    [GlobalSetup]
    public void Fill()
    {
        foreach (var value in Latencies.Draw(1_000, 2))
        {
            _from.Record(value);
            _hdrFrom.RecordValue((long)(value * 1e6));
        }

        ExponentialHistogram();
        HdrHistogram();
    }

    [Benchmark(Baseline = true)]
    public void HdrHistogram() => _hdrInto.Add(_hdrFrom);

    [Benchmark]
    public void ExponentialHistogram() => _into.Merge(_from);

    [Benchmark]
    public double? ExponentialHistogramP99() => _into.Quantile(990);
}
