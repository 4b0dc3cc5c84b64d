using System.Globalization;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Exposition;

namespace FleetVibe.Agent.Sources.Dcgm;

/// <summary>One page of a DCGM exporter, read.</summary>
internal sealed class DcgmPage
{
    private const long BytesPerMiB = 1024 * 1024;

    // Old exporters let DCGM's blanks through: 32 bit, 64 bit (as a double near 2^63), floating point.
    private const double Blank32 = 0x7ffffff0;
    private const double Blank64 = 9.2e18;
    private const double BlankFloat = 140737488355328;

    private static readonly string[] Names =
    [
        "GPU_UTIL", "MEM_COPY_UTIL", "FB_USED", "FB_FREE", "FB_RESERVED", "FB_TOTAL", "GPU_TEMP", "POWER_USAGE", "ENFORCED_POWER_LIMIT",
        "POWER_MGMT_LIMIT", "SM_CLOCK", "XID_ERRORS", "ECC_DBE_AGG_TOTAL", "ECC_DBE_VOL_TOTAL", "ECC_SBE_AGG_TOTAL", "ECC_SBE_VOL_TOTAL", "UNCORRECTABLE_REMAPPED_ROWS", "CORRECTABLE_REMAPPED_ROWS",
        "ROW_REMAP_FAILURE", "ROW_REMAP_PENDING", "CLOCKS_EVENT_REASONS", "CLOCK_THROTTLE_REASONS",
    ];

    private static readonly FamilyFilter Filter = new(Names.Select(n => "DCGM_FI_DEV_" + n));

    private readonly SortedDictionary<string, Board> _boards = new(StringComparer.Ordinal);

    private DcgmPage()
    {
    }

    public IReadOnlyList<GpuSample> Gpus { get; private set; } = [];

    /// <summary>Samples of known families.</summary>
    public int Samples { get; private set; }

    public long Skipped { get; private set; }

    public static DcgmPage Read(FetchedPage body)
    {
        var page = new DcgmPage();
        var reader = new ExpositionReader(PageBody.WholeLines(body, out var cutOff), Filter);
        while (reader.Read())
        {
            page.Samples++;
            page.Add(ref reader);
        }

        page.Skipped += reader.SkippedLines + (cutOff ? 1 : 0);
        page.Gpus = [.. page._boards.Select(b => ToSample(b.Key, b.Value, body.At)).OrderBy(g => g.Index)];
        return page;
    }

    private void Add(ref ExpositionReader reader)
    {
        // A MIG instance is a part of its board, not the board.
        if (!string.IsNullOrEmpty(reader.GetLabel("GPU_I_ID"u8)))
        {
            return;
        }

        var uuid = reader.GetLabel("UUID"u8)?.ReplaceLineEndings(" ");
        if (string.IsNullOrWhiteSpace(uuid) || reader.Part != SamplePart.Value)
        {
            Skipped++;
            return;
        }

        if (IsBlank(reader.Value))
        {
            return;
        }

        if (!double.IsFinite(reader.Value) || reader.Value < 0)
        {
            Skipped++;
            return;
        }

        if (!_boards.TryGetValue(uuid, out var board))
        {
            var index = int.TryParse(reader.GetLabel("gpu"u8), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : _boards.Count;
            _boards[uuid] = board = new Board(index, (reader.GetLabel("modelName"u8) ?? "").ReplaceLineEndings(" "));
        }

        board.Values[Names[reader.FamilyId]] = reader.Value;
    }

    private static bool IsBlank(double value) =>
        value is (>= Blank32 and <= Blank32 + 15) or >= Blank64 or (>= BlankFloat and <= BlankFloat + 15);

    private static GpuSample ToSample(string uuid, Board board, DateTimeOffset at)
    {
        var reasons = (ulong?)(board["CLOCKS_EVENT_REASONS"] ?? board["CLOCK_THROTTLE_REASONS"]);
        return new GpuSample(uuid, board.Index, board.Name, at)
        {
            GpuUtilPercent = Percent(board["GPU_UTIL"]),
            MemoryUtilPercent = Percent(board["MEM_COPY_UTIL"]),
            MemoryUsedBytes = Bytes(board["FB_USED"]),
            MemoryTotalBytes = Bytes(board["FB_TOTAL"] ?? board["FB_USED"] + board["FB_FREE"] + (board["FB_RESERVED"] ?? 0)),
            TemperatureC = board["GPU_TEMP"],
            PowerW = board["POWER_USAGE"],
            PowerLimitW = board["ENFORCED_POWER_LIMIT"] ?? board["POWER_MGMT_LIMIT"],
            SmClockMhz = board["SM_CLOCK"],
            Throttled = reasons is { } bits ? ThrottleReasons.IsThrottled(bits) : null,
            ThrottleReasons = reasons is { } set ? ThrottleReasons.NamesOf(set) : [],
            EccUncorrected = (long?)(board["ECC_DBE_AGG_TOTAL"] ?? board["ECC_DBE_VOL_TOTAL"]),
            EccCorrected = (long?)(board["ECC_SBE_AGG_TOTAL"] ?? board["ECC_SBE_VOL_TOTAL"]),
            RemappedRows = (long?)(board["UNCORRECTABLE_REMAPPED_ROWS"] + board["CORRECTABLE_REMAPPED_ROWS"]),
            RemapPending = board["ROW_REMAP_PENDING"] is { } pending ? pending != 0 : null,
            RemapFailed = board["ROW_REMAP_FAILURE"] is { } failed ? failed != 0 : null,
            XidLast = (long?)board["XID_ERRORS"],
        };
    }

    private static double? Percent(double? value) => value <= 100 ? value : null;

    private static long? Bytes(double? mebibytes) => mebibytes is { } size and < 1e9 ? (long)Math.Round(size * BytesPerMiB) : null;

    private sealed record Board(int Index, string Name)
    {
        public Dictionary<string, double> Values { get; } = new(StringComparer.Ordinal);

        public double? this[string name] => Values.TryGetValue(name, out var value) ? value : null;
    }
}
