using System.Globalization;

namespace FleetVibe.Agent.Sources.Prometheus;

/// <summary>The start times that one server gave. It is kept in memory only: whoever starts anew may believe one too much, and counts less.</summary>
/// <param name="Last">The last one, in unix seconds.</param>
/// <param name="At">When it was given.</param>
/// <param name="Jumps">How many in a row were other ones than those before.</param>
/// <param name="Known">Those that were believed.</param>
internal sealed record StartTrail(double Last, DateTimeOffset At, int Jumps, IReadOnlyList<double> Known)
{
    /// <summary>What the counters were last told; null where the last one was not believed.</summary>
    public StartTime? Told { get; init; }
}

/// <param name="Started">Null where the counters must go on as if none were given.</param>
/// <param name="Problem">Why it is not believed; empty where it is.</param>
internal sealed record BelievedStart(StartTime? Started, StartTrail? Trail, string Problem)
{
    public static BelievedStart None { get; } = new(null, null, "");
}

/// <summary>
/// Whether a start that somebody computed is one. A restart counts a counter whole, so what only looks like one would count
/// twice; another server's start counts nothing, so one that is another at every look would do that for ever.
/// </summary>
internal static class StartBelief
{
    // Behind one address may be a few servers: so many unknown starts in a row are theirs, the next one is nobody's.
    private const int UnknownInARow = 2;
    private const int MaxKnown = 16;
    private static readonly double MaxStep = CounterCore.StartTolerance.TotalSeconds / 2;
    private static readonly double[] WrongUnits = [1e3, 1e6, 1e9];

    /// <summary>The server says when it started.</summary>
    public static BelievedStart OfStartTime(StartTrail? trail, double unixSeconds, DateTimeOffset at) =>
        Judge(trail, unixSeconds, at, $"start_time = {Text(unixSeconds)}");

    /// <summary>The server says for how long it runs.</summary>
    public static BelievedStart OfUptime(StartTrail? trail, double seconds, DateTimeOffset at) =>
        Judge(trail, Unix(at) - seconds, at, $"uptime_s = {Text(seconds)}");

    private static BelievedStart Judge(StartTrail? before, double start, DateTimeOffset at, string given)
    {
        if (StartTime.From(start, ofSeries: false, at) is not { } started)
        {
            return new BelievedStart(null, before, $"{given}, by which it began {(start > 0 ? "in the future" : "before 1970")}");
        }

        if (before is null)
        {
            return new BelievedStart(started, new StartTrail(start, at, 0, [start]) { Told = started }, "");
        }

        var elapsed = Math.Max((at - before.At).TotalSeconds, 0);
        var moved = start - before.Last;
        var isSinceLook = started.Moment >= before.At - CounterCore.ClockTolerance;
        if (Math.Abs(moved) <= CounterCore.DriftOver(elapsed))
        {
            // Forward and near to now a drift would look like a restart: the counters follow it in steps that they take for none.
            var told = before.Told is { } same ? same with { UnixSeconds = Math.Clamp(start, same.UnixSeconds - MaxStep, same.UnixSeconds + MaxStep) } : started;
            return new BelievedStart(told, before with { Last = start, At = at, Jumps = 0, Told = told }, "");
        }

        if (WrongUnits.Any(factor => Math.Abs(elapsed - moved - (elapsed * factor)) < elapsed * factor / 10))
        {
            return Disbelieved(before, start, at, $"{given}, which runs much faster than the clock: seconds are wanted");
        }

        // After a restart the server has run for less time than before.
        var isRestart = moved > elapsed && isSinceLook && before.Jumps == 0;
        var isKnown = !isSinceLook && before.Known.Any(known => Math.Abs(known - start) <= CounterCore.DriftOver(elapsed));
        var isAnotherServer = !isSinceLook && (isKnown || before.Jumps < UnknownInARow);
        if (!isRestart && !isAnotherServer)
        {
            return Disbelieved(before, start, at, $"{given}, by which its start is another one at every look");
        }

        var trail = new StartTrail(start, at, isKnown ? 0 : before.Jumps + 1, [.. before.Known.Append(start).TakeLast(MaxKnown)]) { Told = started };
        return new BelievedStart(started, trail, "");
    }

    private static BelievedStart Disbelieved(StartTrail before, double start, DateTimeOffset at, string problem) =>
        new(null, before with { Last = start, At = at, Jumps = before.Jumps + 1, Told = null }, problem);

    private static double Unix(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).TotalSeconds;

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
