using System.Globalization;
using System.Text.Json;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.Amd;

/// <summary>rocm-smi's JSON: an object a card, every value a text. The names of values changed with the versions; all are looked for.</summary>
internal sealed class RocmSmiTool(string command) : WholeOutputTool(command)
{
    private const string CardPrefix = "card";

    public override string Cure => "install ROCm or set `command`";

    public override IReadOnlyList<string> Arguments { get; } =
    [
        "--showproductname", "--showuniqueid", "--showbus", "--showuse", "--showmemuse", "--showmeminfo", "vram", "--showtemp", "--showpower", "--showmaxpower", "--showclocks", "--json",
    ];

    /// <summary>Empty where the text is no such JSON.</summary>
    internal static IReadOnlyList<GpuSample> ReadJson(string text, DateTimeOffset at)
    {
        using var document = JsonText.Parse(text);
        if (document?.RootElement is not { ValueKind: JsonValueKind.Object } root)
        {
            return [];
        }

        var samples = new List<GpuSample>();
        foreach (var card in root.EnumerateObject())
        {
            if (card.Value.ValueKind == JsonValueKind.Object && card.Name.StartsWith(CardPrefix, StringComparison.Ordinal)
                && int.TryParse(card.Name.AsSpan(CardPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var index))
            {
                samples.Add(Sample(card.Value, card.Name, index, at));
            }
        }

        return samples;
    }

    protected override IReadOnlyList<GpuSample> Parse(string text, DateTimeOffset at) => ReadJson(text, at);

    private static GpuSample Sample(JsonElement card, string name, int index, DateTimeOffset at)
    {
        var bus = Text(card, "PCI Bus");
        var id = Text(card, "Unique ID") ?? (bus is null ? name : $"PCI-{bus}");
        return new GpuSample(id, index, Text(card, "Card Series", "Card series", "Device Name", "Card Model", "Card model") ?? "AMD GPU", at)
        {
            GpuUtilPercent = ToolNumber.Percent(Number(card, "GPU use (%)")),
            MemoryUtilPercent = ToolNumber.Percent(Number(card, "GPU Memory Read/Write Activity (%)", "GPU memory use (%)")),
            MemoryUsedBytes = ToolNumber.Bytes(Number(card, "VRAM Total Used Memory (B)"), 1),
            MemoryTotalBytes = ToolNumber.Bytes(Number(card, "VRAM Total Memory (B)"), 1),
            TemperatureC = Number(card, "Temperature (Sensor edge) (C)", "Temperature (Sensor junction) (C)"),
            PowerW = Number(card, "Average Graphics Package Power (W)", "Current Socket Graphics Package Power (W)"),
            PowerLimitW = Number(card, "Max Graphics Package Power (W)"),
            SmClockMhz = Clock(Text(card, "sclk clock speed:")),
            Pci = bus is null ? null : PciAddress.Normalize(bus),
        };
    }

    private static string? Text(JsonElement card, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (card.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text && text != "N/A")
            {
                return text.ReplaceLineEndings(" ");
            }
        }

        return null;
    }

    private static double? Number(JsonElement card, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Text(card, name) is { } text && ToolNumber.Of(text) is { } number)
            {
                return number;
            }
        }

        return null;
    }

    // "(1402Mhz)"
    private static double? Clock(string? text) =>
        text?.Trim('(', ')') is { } bare && bare.EndsWith("Mhz", StringComparison.OrdinalIgnoreCase) ? ToolNumber.Of(bare.AsSpan()[..^3]) : null;
}
