namespace FleetVibe.Aggregator.Series;

/// <summary>Times and limits that decide when a window is committed and when it is let go.</summary>
internal sealed record SeriesRules
{
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(4);

    public TimeSpan Lateness { get; init; } = TimeSpan.FromSeconds(60);

    public TimeSpan HostLeavesExpected { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The same for a variant, which comes and goes with its traffic: counted from the last contribution.</summary>
    public TimeSpan VariantLeavesExpected { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a revision waits for more contributions.</summary>
    public TimeSpan Debounce { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The same for back-fill, which comes in storms and is in no hurry.</summary>
    public TimeSpan BackfillDebounce { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A window that starts later than this from now is refused.</summary>
    public TimeSpan Future { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A window in which nothing more is due is let go after this time without a contribution.</summary>
    public TimeSpan ForgetAfter { get; init; } = TimeSpan.FromSeconds(60);

    public TimeSpan RetryMin { get; init; } = TimeSpan.FromMilliseconds(500);

    public TimeSpan RetryMax { get; init; } = TimeSpan.FromSeconds(5);

    public int ConcurrentLoads { get; init; } = 8;

    /// <summary>Beyond it a further window has to wait until another is let go.</summary>
    public int MaxWindows { get; init; } = 256;

    /// <summary>Contributions that wait until their window is loaded, in all; what comes on top is sent again by its session.</summary>
    public int MaxWaiting { get; init; } = 10_000;

    /// <summary>The same by their size on the wire: a full one is 256 KiB, most are a few.</summary>
    public long MaxWaitingBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>Windows shown, newest first.</summary>
    public int ShownWindows { get; init; } = 60;

    /// <summary>How long to wait after one more failure.</summary>
    public TimeSpan NextBackoff(TimeSpan last) => last < RetryMin ? RetryMin : TimeSpan.FromTicks(Math.Min(last.Ticks * 2, RetryMax.Ticks));

    public static SeriesRules From(AggregatorSettings settings) => new()
    {
        Grace = settings.Grace,
        Lateness = settings.Lateness,
        HostLeavesExpected = settings.HostLeavesExpected,
    };
}
