using System.Globalization;
using System.Text;
using System.Text.Json;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.Intel;

/// <summary>
/// <c>intel_gpu_top -J</c>: objects one behind the other, in some versions as an array that is never closed. The busiest
/// engine is the utilisation; memory and temperature are not in it.
/// </summary>
internal sealed class IntelGpuTopTool(string command, TimeSpan every) : LoopTool(command)
{
    private const int MaxCharacters = 1 << 20;

    private readonly StringBuilder _open = new();
    private int _depth;

    public override string Cure => "install intel-gpu-tools, give the agent CAP_PERFMON, or set `command`";

    public override IReadOnlyList<string> Arguments => ["-J", "-s", Math.Max(1, (long)every.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)];

    public override void Begin()
    {
        _open.Clear();
        _depth = 0;
    }

    public override ToolLine Read(string line, DateTimeOffset at)
    {
        var text = line.Trim();
        if (_depth == 0)
        {
            text = text.TrimStart('[', ',').TrimStart();
            if (!text.StartsWith('{'))
            {
                return new ToolLine(text.Length == 0 || text == "]" ? ToolLineKind.Part : ToolLineKind.Unknown);
            }
        }

        // Its texts are names of engines and programs; one with a brace in it costs a sample, which is seen as unreadable.
        _depth += text.Count(c => c == '{') - text.Count(c => c == '}');
        _open.Append(text).Append('\n');
        if (_depth > 0 && _open.Length < MaxCharacters)
        {
            return new ToolLine(ToolLineKind.Part);
        }

        var whole = _open.ToString().Trim().TrimEnd(']').TrimEnd().TrimEnd(',');
        Begin();
        return Sample(whole, at) is { } sample ? ToolLine.Of(sample) : new ToolLine(ToolLineKind.Skipped);
    }

    private static GpuSample? Sample(string text, DateTimeOffset at)
    {
        using var document = JsonText.Parse(text);
        if (document is null || JsonText.At(document.RootElement, "engines") is not { ValueKind: JsonValueKind.Object } engines)
        {
            return null;
        }

        var busy = engines.EnumerateObject().Select(engine => Number(engine.Value, "busy")).Max();
        return new GpuSample("INTEL-0", 0, "Intel GPU", at)
        {
            GpuUtilPercent = ToolNumber.Percent(busy is { } value ? Math.Min(100, value) : null),
            PowerW = Number(document.RootElement, "power", "GPU"),
            SmClockMhz = Number(document.RootElement, "frequency", "actual"),
        };
    }

    private static double? Number(JsonElement from, params ReadOnlySpan<string> path) =>
        JsonText.At(from, path) is { ValueKind: JsonValueKind.Number } found && found.TryGetDouble(out var number) && double.IsFinite(number) ? number : null;
}
