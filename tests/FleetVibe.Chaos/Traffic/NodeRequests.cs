using FleetVibe.Metrics.Windows;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Chaos.Traffic;

/// <summary>
/// What one node finishes, out of a seed: a rate, a distribution of durations and moments of rotation of its own, so that an
/// average of the nodes' percentiles is far from the percentile of all. Not thread safe.
/// </summary>
internal sealed class NodeRequests
{
    /// <summary>A correction of the clock is exact to a fraction of this: the window of a request is certain.</summary>
    internal static readonly TimeSpan EdgeDistance = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestCatchUp = TimeSpan.FromSeconds(2);
    private const double MinPerSecond = 5;
    private const double MaxPerSecond = 20;
    private const double MinRotation = 15;
    private const double MaxRotation = 60;

    private readonly Random _rotations;
    private readonly RequestStream _stream;
    private readonly double _perSecond;
    private readonly bool _keepsOffEdges;
    private DateTimeOffset? _due;
    private DateTimeOffset? _rotateAt;

    public NodeRequests(NodePlan plan, int seed)
    {
        var identity = new StreamIdentity(plan.Name, Path.GetFileName(plan.LogPath), "json_log", plan.Model, FleetTraffic.TaskName);
        var draws = new Random(seed);
        _perSecond = Between(draws, MinPerSecond, MaxPerSecond);
        var median = 0.1 * Math.Pow(80, draws.NextDouble());
        var profile = new LatencyProfile(plan.Name, median, Between(draws, 0.4, 1.2), median / 20, Between(draws, 40, 300));
        _stream = new RequestStream(identity, profile, seed);
        _rotations = draws;
        _keepsOffEdges = plan.ClockOffset != TimeSpan.Zero;
    }

    /// <summary>What ends up to now, each at its own true moment. A process that was stopped for long finishes nothing for the time that it missed.</summary>
    public IReadOnlyList<FinishedRequest> Until(DateTimeOffset now)
    {
        var due = _due ?? Shift(now + _stream.NextGap(_perSecond));
        if (now - due > LongestCatchUp)
        {
            due = Shift(now);
        }

        var batch = new List<FinishedRequest>();
        while (due <= now)
        {
            batch.Add(_stream.Next(due.ToUnixTimeMilliseconds()));
            due = Shift(due + _stream.NextGap(_perSecond));
        }

        _due = due;
        return batch;
    }

    /// <summary>Whether the log is rotated now; 15 to 60 s lie between two rotations, and before the first.</summary>
    public bool RotatesAt(DateTimeOffset now)
    {
        var at = _rotateAt ?? NextRotation(now);
        var isDue = at <= now;
        _rotateAt = isDue ? NextRotation(now) : at;
        return isDue;
    }

    private DateTimeOffset NextRotation(DateTimeOffset now) => now + TimeSpan.FromSeconds(Between(_rotations, MinRotation, MaxRotation));

    /// <summary>Out of the second before and the second after an edge of a window, where the clock of the node is off.</summary>
    private DateTimeOffset Shift(DateTimeOffset due)
    {
        if (!_keepsOffEdges)
        {
            return due;
        }

        var start = DateTimeOffset.FromUnixTimeSeconds(WindowClock.StartOf(due));
        var end = WindowClock.EndOf(start.ToUnixTimeSeconds());
        return due < start + EdgeDistance ? start + EdgeDistance
            : due > end - EdgeDistance ? end + EdgeDistance
            : due;
    }

    private static double Between(Random random, double low, double high) => low + ((high - low) * random.NextDouble());
}
