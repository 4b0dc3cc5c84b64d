using System.Globalization;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>PCI addresses, which every tool writes in its own way, as the kernel log has them.</summary>
internal static class PciAddress
{
    /// <summary>
    /// <c>0000:9b:00</c>, lower case, without the function: of <c>00000000:9B:00.0</c> (NVIDIA's tools), <c>PCI:0000:9b:00</c>
    /// (its driver) and <c>0000:9b:00.0</c>. Null where the text is no address.
    /// </summary>
    internal static string? Normalize(string text)
    {
        var parts = text.Trim().Split(':');
        if (parts.Length == 4 && string.Equals(parts[0], "PCI", StringComparison.OrdinalIgnoreCase))
        {
            parts = parts[1..];
        }

        if (parts.Length != 3)
        {
            return null;
        }

        var device = parts[2].Split('.')[0];
        return Hex(parts[0], out var domain) && Hex(parts[1], out var bus) && Hex(device, out var slot) && bus <= 0xff && slot <= 0x1f
            ? string.Create(CultureInfo.InvariantCulture, $"{domain:x4}:{bus:x2}:{slot:x2}")
            : null;
    }

    private static bool Hex(string text, out uint value) => uint.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
}
