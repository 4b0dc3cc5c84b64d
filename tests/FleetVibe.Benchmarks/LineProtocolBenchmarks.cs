using System.Buffers;
using System.Globalization;
using System.Text;
using BenchmarkDotNet.Attributes;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Benchmarks;

/// <summary>One fleet-sized point of four tags and ten fields; plain string building stands beside it for scale.</summary>
[MemoryDiagnoser]
public class LineProtocolBenchmarks
{
    private readonly ArrayBufferWriter<byte> _output = new(1 << 16);
    private readonly LineProtocolWriter _writer;
    private readonly string _model = "WeiboAI/VibeThinker-1.5B";
    private byte[] _line = [];

    public LineProtocolBenchmarks() => _writer = new LineProtocolWriter(_output);

    [GlobalSetup]
    public void Fill()
    {
        Write();
        _line = _output.WrittenSpan.ToArray();
    }

    [Benchmark(Baseline = true)]
    public byte[] StringBuilding()
    {
        var line = new StringBuilder("vibe_fleet,host=fleet,model=").Append(_model.Replace(" ", "\\ ", StringComparison.Ordinal));
        line.Append(",task=").Append("algorithm_reasoning".Replace(" ", "\\ ", StringComparison.Ordinal)).Append(",window=10s ");
        line.Append(CultureInfo.InvariantCulture, $"requests={1234L}i,errors={5L}i,error_rate={0.00405},requests_per_second={123.4}");
        line.Append(CultureInfo.InvariantCulture, $",response_time_p50_ms={812.25},response_time_p95_ms={4321.0625},response_time_p99_ms={9876.5}");
        line.Append(CultureInfo.InvariantCulture, $",output_tokens={987_654L}i,final=true,precision=\"exact\" {1_764_000_000_000_000_000L}\n");
        return Encoding.UTF8.GetBytes(line.ToString());
    }

    [Benchmark]
    public void Write()
    {
        _output.ResetWrittenCount();
        _writer.BeginPoint("vibe_fleet");
        _writer.Tag("host", "fleet");
        _writer.Tag("model", _model);
        _writer.Tag("task", "algorithm_reasoning");
        _writer.Tag("window", "10s");
        _writer.Field("requests", 1234);
        _writer.Field("errors", 5);
        _writer.Field("error_rate", 0.00405);
        _writer.Field("requests_per_second", 123.4);
        _writer.Field("response_time_p50_ms", 812.25);
        _writer.Field("response_time_p95_ms", 4321.0625);
        _writer.Field("response_time_p99_ms", 9876.5);
        _writer.Field("output_tokens", 987_654);
        _writer.Field("final", true);
        _writer.Field("precision", "exact");
        _writer.EndPoint(1_764_000_000_000_000_000);
    }

    [Benchmark]
    public int Read() => LineProtocolReader.Read(_line).Points.Count;
}
