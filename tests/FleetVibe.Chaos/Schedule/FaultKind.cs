namespace FleetVibe.Chaos.Schedule;

/// <summary>What can go wrong in a campaign.</summary>
internal enum FaultKind
{
    KillAgent,
    KillAggregator,
    KillGateway,
    StopAgent,
    StopAggregator,
    StopGateway,
    TermAggregator,
    Partition,
    PartitionOneWay,
    CutAgent,
    Delay,
    Stall,
    Reset,
    HalfOpen,
    DiskFullAgent,
    DiskFullGateway,
    Telegraf429,
    Telegraf503,
    Telegraf400,
    TelegrafHang,
    TelegrafClose,
    RestartAll,
    RollingUpgrade,
    Clock,
    KillPostgres,
}

internal static class FaultKinds
{
    private static readonly Dictionary<FaultKind, string> Names = Enum.GetValues<FaultKind>().ToDictionary(kind => kind, NameOf);

    private static readonly Dictionary<string, FaultKind> Kinds = Names.ToDictionary(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal);

    /// <summary>As it stands in schedules, reports and on the command line, e.g. kill_agent.</summary>
    public static string Name(this FaultKind kind) => Names[kind];

    public static IEnumerable<string> AllNames => Names.Values;

    public static bool TryParse(string name, out FaultKind kind) => Kinds.TryGetValue(name, out kind);

    public static bool NeedsSmallDisk(this FaultKind kind) => kind is FaultKind.DiskFullAgent or FaultKind.DiskFullGateway;

    private static string NameOf(FaultKind kind)
    {
        var letters = kind.ToString();
        var words = letters.Select((letter, i) =>
            i > 0 && (char.IsUpper(letter) || (char.IsDigit(letter) && !char.IsDigit(letters[i - 1]))) ? $"_{char.ToLowerInvariant(letter)}" : $"{char.ToLowerInvariant(letter)}");
        return string.Concat(words);
    }
}
