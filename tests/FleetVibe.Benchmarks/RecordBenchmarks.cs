using BenchmarkDotNet.Attributes;
using FleetVibe.Metrics.Histograms;
using HdrHistogram;

namespace FleetVibe.Benchmarks;

/// <summary>One value into a warm histogram. HdrHistogram with two significant digits has about the same resolution.</summary>
[MemoryDiagnoser]
public class RecordBenchmarks
{
    private const int Values = 10_000;

    private readonly double[] _seconds = Latencies.Draw(Values, 1);
    private readonly ExponentialHistogram _histogram = new();
    private readonly Distribution _mixed = new();
    private readonly LongHistogram _hdr = new(1, 10_000_000_000, 2);

    [GlobalSetup]
    public void Warm()
    {
        _mixed.AddClassic([1, 60], [1, 1, 1], 0);
        HdrHistogram();
        ExponentialHistogram();
        MixedDistribution();
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Values)]
    public void HdrHistogram()
    {
        foreach (var value in _seconds)
        {
            _hdr.RecordValue((long)(value * 1e6));
        }
    }

    [Benchmark(OperationsPerInvoke = Values)]
    public void ExponentialHistogram()
    {
        foreach (var value in _seconds)
        {
            _histogram.Record(value);
        }
    }

    [Benchmark(OperationsPerInvoke = Values)]
    public void MixedDistribution()
    {
        foreach (var value in _seconds)
        {
            _mixed.Record(value);
        }
    }
}
