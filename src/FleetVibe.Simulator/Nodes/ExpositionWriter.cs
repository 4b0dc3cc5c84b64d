using System.Text;

namespace FleetVibe.Simulator.Nodes;

/// <summary>Writes the Prometheus text format 0.0.4 as client_python does, <c>_created</c> gauges and all.</summary>
/// <param name="allNaN">Writes NaN for every value (a fault).</param>
internal sealed class ExpositionWriter(bool allNaN)
{
    private readonly StringBuilder _text = new(48 * 1024);

    public void Gauge(string name, string help, string labels, double value)
    {
        Family(name, "gauge", help);
        Sample(name, labels, value);
    }

    /// <param name="name">With its <c>_total</c>.</param>
    public void Counter(string name, string help, DateTimeOffset created, params ReadOnlySpan<(string Labels, double Value)> series)
    {
        Family(name, "counter", help);
        foreach (var (labels, value) in series)
        {
            Sample(name, labels, value);
        }

        var createdName = (name.EndsWith("_total", StringComparison.Ordinal) ? name[..^6] : name) + "_created";
        Family(createdName, "gauge", help);
        foreach (var (labels, _) in series)
        {
            Sample(createdName, labels, UnixSeconds(created));
        }
    }

    /// <param name="labels">Makes the labels of a series that has the given <c>le</c>, or none.</param>
    public void Histogram(string name, string help, DateTimeOffset created, Func<string?, string> labels, ClassicHistogram histogram)
    {
        Family(name, "histogram", help);
        var bound = 0;
        foreach (var count in histogram.Cumulative())
        {
            var le = bound < histogram.Bounds.Count ? PythonFloat.Format(histogram.Bounds[bound]) : "+Inf";
            Sample(name + "_bucket", labels(le), count);
            bound++;
        }

        Sample(name + "_count", labels(null), histogram.Count);
        Sample(name + "_sum", labels(null), histogram.Sum);
        Gauge(name + "_created", help, labels(null), UnixSeconds(created));
    }

    public void Family(string name, string type, string help) =>
        _text.Append("# HELP ").Append(name).Append(' ').Append(help).Append("\n# TYPE ").Append(name).Append(' ').Append(type).Append('\n');

    public void Sample(string name, string labels, double value)
    {
        _text.Append(name);
        if (labels.Length > 0)
        {
            _text.Append('{').Append(labels).Append('}');
        }

        _text.Append(' ').Append(PythonFloat.Format(allNaN ? double.NaN : value)).Append('\n');
    }

    public byte[] ToUtf8() => Encoding.UTF8.GetBytes(_text.ToString());

    public static string Escape(string labelValue) => labelValue
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);

    public static double UnixSeconds(DateTimeOffset moment) =>
        (moment.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) / 10 / 1e6;
}
