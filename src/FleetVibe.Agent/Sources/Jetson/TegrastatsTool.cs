using System.Globalization;
using System.Text.RegularExpressions;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.Jetson;

/// <summary>
/// <c>tegrastats</c>: a line a tick, whose words are looked for wherever they stand. A Jetson has one memory for everything,
/// and its power is that of the module (<c>VDD_IN</c>, of JetPack 4 <c>POM_5V_IN</c>), for what the GPU's own rail feeds
/// differs from module to module.
/// </summary>
internal sealed partial class TegrastatsTool(string command, TimeSpan every) : LoopTool(command)
{
    public override string Cure => "it is part of JetPack; set `command`, e.g. to /usr/bin/tegrastats";

    public override IReadOnlyList<string> Arguments => ["--interval", Math.Max(100, (long)every.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)];

    public override void Begin()
    {
    }

    public override ToolLine Read(string line, DateTimeOffset at)
    {
        var memory = Memory().Match(line);
        var load = Load().Match(line);
        if (!memory.Success && !load.Success)
        {
            return new ToolLine(ToolLineKind.Unknown);
        }

        return ToolLine.Of(new GpuSample("JETSON-0", 0, "Jetson", at)
        {
            GpuUtilPercent = ToolNumber.Percent(Of(load, "percent")),
            SmClockMhz = Of(load, "mhz"),
            MemoryUsedBytes = ToolNumber.Bytes(Of(memory, "used"), 1 << 20),
            MemoryTotalBytes = ToolNumber.Bytes(Of(memory, "total"), 1 << 20),
            TemperatureC = Of(Temperature().Match(line), "celsius"),
            PowerW = Of(Power().Match(line), "milliwatts") / 1000,
        });
    }

    private static double? Of(Match match, string group) => match.Success && match.Groups[group].Success ? ToolNumber.Of(match.Groups[group].ValueSpan) : null;

    [GeneratedRegex(@"(?<![\w])RAM (?<used>\d{1,9})/(?<total>\d{1,9})MB", RegexOptions.CultureInvariant)]
    private static partial Regex Memory();

    // "GR3D_FREQ 0%", "GR3D_FREQ 61%@1109", "GR3D_FREQ 0%@[305,305]"
    [GeneratedRegex(@"GR3D_FREQ (?<percent>\d{1,3})%(?:@\[?(?<mhz>\d{1,5}))?", RegexOptions.CultureInvariant)]
    private static partial Regex Load();

    [GeneratedRegex(@"(?<![\w])(?:gpu|GPU)@(?<celsius>-?\d{1,3}(?:\.\d{1,3})?)C", RegexOptions.CultureInvariant)]
    private static partial Regex Temperature();

    [GeneratedRegex(@"(?<![\w])(?:VDD_IN|POM_5V_IN) (?<milliwatts>\d{1,7})(?:mW)?/", RegexOptions.CultureInvariant)]
    private static partial Regex Power();
}
