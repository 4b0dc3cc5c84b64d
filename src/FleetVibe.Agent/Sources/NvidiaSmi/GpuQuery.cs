using System.Globalization;
using System.Text.RegularExpressions;

namespace FleetVibe.Agent.Sources.NvidiaSmi;

/// <summary>
/// The fields that are asked for. One that the driver does not know makes the whole query fail, so it is dropped, or
/// replaced by its older name, and the query tried again. Immutable.
/// </summary>
internal sealed partial record GpuQuery
{
    public const string Index = "index";
    public const string Uuid = "uuid";
    public const string Name = "name";
    public const string GpuUtil = "utilization.gpu";
    public const string MemoryUtil = "utilization.memory";
    public const string MemoryUsed = "memory.used";
    public const string MemoryTotal = "memory.total";
    public const string Temperature = "temperature.gpu";
    public const string Power = "power.draw";
    public const string EnforcedPowerLimit = "enforced.power.limit";
    public const string PowerLimit = "power.limit";
    public const string SmClock = "clocks.current.sm";
    public const string Reasons = "clocks_event_reasons.active";
    public const string OldReasons = "clocks_throttle_reasons.active";
    public const string EccUncorrected = "ecc.errors.uncorrected.aggregate.total";
    public const string EccCorrected = "ecc.errors.corrected.aggregate.total";
    public const string RemappedCorrectable = "remapped_rows.correctable";
    public const string RemappedUncorrectable = "remapped_rows.uncorrectable";
    public const string RemapPending = "remapped_rows.pending";
    public const string RemapFailure = "remapped_rows.failure";
    public const string Bus = "pci.bus_id";
    public const string MigMode = "mig.mode.current";

    /// <summary>The name stands last, so that a comma in it does no harm.</summary>
    public static GpuQuery Full { get; } = new()
    {
        Fields =
        [
            Index, Uuid, GpuUtil, MemoryUtil, MemoryUsed, MemoryTotal, Temperature, Power, EnforcedPowerLimit, PowerLimit, SmClock, Reasons, EccUncorrected, EccCorrected,
            RemappedCorrectable, RemappedUncorrectable, RemapPending, RemapFailure, Bus, MigMode, Name,
        ],
    };

    public required IReadOnlyList<string> Fields { get; init; }

    /// <summary>Without the field that the tool refused in this line; null where it names none, or one that is indispensable.</summary>
    public GpuQuery? WithoutRefused(string line)
    {
        if (RefusedField().Match(line) is not { Success: true } match || !Fields.Contains(match.Groups[1].Value) || match.Groups[1].Value is Uuid or Index)
        {
            return null;
        }

        var refused = match.Groups[1].Value;
        return this with
        {
            Fields = refused == Reasons
                ? [.. Fields.Select(field => field == Reasons ? OldReasons : field)]
                : [.. Fields.Where(field => field != refused)],
        };
    }

    /// <summary>Arguments of the tool for one row per GPU, again and again.</summary>
    public IReadOnlyList<string> Arguments(TimeSpan every) =>
    [
        $"--query-gpu={string.Join(',', Fields)}",
        "--format=csv,nounits",
        string.Create(CultureInfo.InvariantCulture, $"--loop-ms={Math.Max(1, (long)every.TotalMilliseconds)}"),
    ];

    [GeneratedRegex("""^\s*Field "([^"]+)" is not a valid field to query""", RegexOptions.CultureInvariant)]
    private static partial Regex RefusedField();
}
