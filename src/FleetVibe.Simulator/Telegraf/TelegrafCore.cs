using FleetVibe.Metrics.LineProtocol;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Simulator.Telegraf;

/// <summary>What the three listeners share: points, faults, the output's backlog, statistics. Thread safe.</summary>
internal sealed class TelegrafCore : IDisposable
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _clock;
    private readonly PointStore _store = new();
    private readonly AcceptedLines? _output;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<int, long> _byStatus = [];
    private long _requests;
    private long _points;
    private long _undelivered;
    private long _largestBatch;
    private DateTimeOffset _lastFlush;
    private int _held;

    public TelegrafCore(SimulatedTelegrafSettings settings, TimeProvider clock)
    {
        Settings = settings;
        _clock = clock;
        _lastFlush = clock.GetUtcNow();
        StartedAt = _lastFlush;
        Faults = new TelegrafFaultPlan(settings.FaultSeed, settings.Faults);
        _output = settings.OutputPath is null ? null : AcceptedLines.Open(settings.OutputPath, point => _store.Store(point, point.TimestampNs, NowNs()));
    }

    public SimulatedTelegrafSettings Settings { get; }

    public TelegrafFaultPlan Faults { get; }

    public DateTimeOffset StartedAt { get; }

    /// <summary>Writes that a fault holds back.</summary>
    public int Held => Volatile.Read(ref _held);

    public DateTimeOffset Now => _clock.GetUtcNow();

    public IReadOnlyList<TelegrafViolation> Violations
    {
        get
        {
            lock (_lock)
            {
                return _store.Violations;
            }
        }
    }

    public TelegrafStatistics Statistics
    {
        get
        {
            lock (_lock)
            {
                Flush(force: false);
                return new TelegrafStatistics(_requests, new Dictionary<int, long>(_byStatus), _points, _undelivered, _largestBatch);
            }
        }
    }

    public IReadOnlyList<StoredPoint> Points(string? measurement)
    {
        lock (_lock)
        {
            return _store.Points(measurement);
        }
    }

    public void Flush()
    {
        lock (_lock)
        {
            Flush(force: true);
        }
    }

    /// <summary>Points that wait for the output.</summary>
    public long Undelivered
    {
        get
        {
            lock (_lock)
            {
                Flush(force: false);
                return _undelivered;
            }
        }
    }

    /// <summary>Counts a request once, with the first status that it is given; 0 where it gets no answer.</summary>
    public void CountAnswer(HttpContext context, int status)
    {
        lock (_lock)
        {
            if (!context.Items.TryAdd(typeof(TelegrafCore), status))
            {
                return;
            }

            _requests++;
            _byStatus[status] = _byStatus.GetValueOrDefault(status) + 1;
        }
    }

    /// <summary>Resets the connection, counted as no answer.</summary>
    public void Abort(HttpContext context)
    {
        CountAnswer(context, 0);
        context.Abort();
    }

    public void CountRefused(IReadOnlyList<LineProtocolError> errors)
    {
        lock (_lock)
        {
            foreach (var error in errors)
            {
                _store.Refused(error);
            }
        }
    }

    /// <summary>Takes all points or, where the backlog has no room for them, none.</summary>
    /// <param name="unitNs">Nanoseconds in one unit of the body's timestamps.</param>
    /// <param name="bounded">Whether the listener has a limit of undelivered points.</param>
    /// <returns>204, or the status of the refusal.</returns>
    public int Accept(ReadOnlySpan<byte> body, IReadOnlyList<ParsedPoint> points, long unitNs, bool bounded)
    {
        lock (_lock)
        {
            Flush(force: false);
            if (bounded && Settings.MaxUndelivered > 0)
            {
                if (points.Count > Settings.MaxUndelivered)
                {
                    return StatusCodes.Status413PayloadTooLarge;
                }

                if (_undelivered + points.Count > Settings.MaxUndelivered)
                {
                    return StatusCodes.Status429TooManyRequests;
                }
            }

            var now = NowNs();

            // Telegraf does not check the product either: a nanosecond timestamp sent as seconds overflows, with a 204.
            var timed = points.Select(point => (Point: point, TimestampNs: point.TimestampNs is { } own ? unchecked(own * unitNs) : now)).ToList();
            _output?.Append(body, timed);
            foreach (var (point, timestampNs) in timed)
            {
                _store.Store(point, point.TimestampNs is null ? null : timestampNs, now);
            }

            _points += points.Count;
            _largestBatch = Math.Max(_largestBatch, points.Count);
            _undelivered += Settings.FlushInterval is null ? 0 : points.Count;
            return StatusCodes.Status204NoContent;
        }
    }

    /// <summary>Lets a fault strike before the points are stored.</summary>
    /// <param name="refuse">Answers with a status in the listener's own words.</param>
    /// <returns>Whether the request ends here.</returns>
    public async Task<bool> StrikeBeforeStoringAsync(HttpContext context, TelegrafFault fault, Func<int, Task> refuse)
    {
        switch (fault)
        {
            case TelegrafFault.Status400:
            case TelegrafFault.Status401:
            case TelegrafFault.Status410:
            case TelegrafFault.Status413:
            case TelegrafFault.Status429:
            case TelegrafFault.Status500:
            case TelegrafFault.Status503:
                await refuse(StatusOf(fault));
                return true;
            case TelegrafFault.ResetBeforeStoring:
                Abort(context);
                return true;
            case TelegrafFault.Hang:
                await HangAsync(context);
                return true;
            case TelegrafFault.Slow:
                // The real handler stores too, though the caller is gone.
                await HoldAsync(Settings.SlowBy, _stop.Token);
                return false;
            default:
                return false;
        }
    }

    /// <summary>Lets a fault strike after the points were stored.</summary>
    /// <returns>Whether the request ends here.</returns>
    public async Task<bool> StrikeAfterStoringAsync(HttpContext context, TelegrafFault fault)
    {
        switch (fault)
        {
            case TelegrafFault.ResetAfterStoring:
                Abort(context);
                return true;
            case TelegrafFault.HangAfterStoring:
                await HangAsync(context);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Ends what hangs, so that the server can close.</summary>
    public void Stop() => _stop.Cancel();

    public void Dispose()
    {
        _output?.Dispose();
        _stop.Dispose();
    }

    private static int StatusOf(TelegrafFault fault) => fault switch
    {
        TelegrafFault.Status400 => 400,
        TelegrafFault.Status401 => 401,
        TelegrafFault.Status410 => 410,
        TelegrafFault.Status413 => 413,
        TelegrafFault.Status429 => 429,
        TelegrafFault.Status503 => 503,
        _ => 500,
    };

    private async Task HangAsync(HttpContext context)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _stop.Token);
        await HoldAsync(Timeout.InfiniteTimeSpan, either.Token);
    }

    private async Task HoldAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _held);
        try
        {
            await Task.Delay(time, _clock, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _held);
        }
    }

    private void Flush(bool force)
    {
        var now = _clock.GetUtcNow();
        if (force || now - _lastFlush >= Settings.FlushInterval)
        {
            _undelivered = 0;
            _lastFlush = now;
        }
    }

    private long NowNs() => (_clock.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;
}
