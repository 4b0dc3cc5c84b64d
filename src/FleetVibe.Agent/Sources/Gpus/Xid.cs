using System.Globalization;
using System.Text.RegularExpressions;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>A fault that NVIDIA's driver reports.</summary>
/// <param name="Pci">As <see cref="PciAddress"/> writes it.</param>
/// <param name="Number">NVIDIA's number of the fault.</param>
/// <param name="Text">What else the driver says; may be empty.</param>
internal readonly partial record struct Xid(string Pci, int Number, string Text)
{
    private const int MaxText = 200;

    /// <summary>
    /// Of a line such as <c>NVRM: Xid (PCI:0000:9b:00): 119, pid=2024380, name=nvidia-smi, Timeout after 6s ...</c>; drivers of
    /// old wrote the address without <c>PCI:</c>. Null where the line reports none.
    /// </summary>
    internal static Xid? In(string line)
    {
        if (!line.Contains("Xid", StringComparison.Ordinal) || Report().Match(line) is not { Success: true } match || PciAddress.Normalize(match.Groups["pci"].Value) is not { } pci
            || !int.TryParse(match.Groups["number"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return null;
        }

        var text = string.Concat(match.Groups["text"].Value.Select(c => char.IsControl(c) ? ' ' : c)).Trim();
        return new Xid(pci, number, text.Length <= MaxText ? text : text[..MaxText]);
    }

    /// <summary>How bad it is, and what it means; of NVIDIA's list those that say something about board, memory or program.</summary>
    internal (EventSeverity Severity, string Meaning) Meaning() => Number switch
    {
        13 or 31 or 43 => (EventSeverity.Warning, "a fault of the program that used it"),
        48 => (EventSeverity.Error, "an uncorrectable memory error"),
        63 => (EventSeverity.Warning, "a row of memory is to be replaced at the next reset"),
        64 => (EventSeverity.Error, "a row of memory could not be replaced: the board is for service"),
        74 => (EventSeverity.Error, "an NVLink error"),
        79 => (EventSeverity.Error, "the GPU fell off the bus: restart the machine, look at power and seating"),
        94 => (EventSeverity.Error, "an uncorrectable memory error that was contained: restart the program"),
        95 => (EventSeverity.Error, "an uncorrectable memory error that was not contained: reset the GPU"),
        119 or 120 => (EventSeverity.Error, "the GPU's system processor does not answer: reset the GPU"),
        >= 144 and <= 150 => (EventSeverity.Error, "an NVLink error"),
        _ => (EventSeverity.Warning, "see NVIDIA's list of Xid errors"),
    };

    [GeneratedRegex(@"NVRM: Xid \((?<pci>[^)]{1,40})\): (?<number>\d{1,6})(?:, (?<text>.*))?", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Report();
}
