namespace FleetVibe.Gateway.Delivery;

/// <summary>How much is sent at once, and when next. Pure: every step gives a new pace.</summary>
/// <param name="Limits">Of the next batch.</param>
/// <param name="Ceiling">What the receiver's own limits allow, as far as is known: less after a 413, more again after <see cref="RaiseAfter"/> batches.</param>
/// <param name="Most">What is configured.</param>
/// <param name="Failures">In a row.</param>
/// <param name="Taken">Batches since the ceiling changed.</param>
internal sealed record DeliveryPace(BatchLimits Limits, BatchLimits Ceiling, BatchLimits Most, int Failures = 0, int Taken = 0)
{
    internal static readonly TimeSpan AuthorizationRetry = TimeSpan.FromSeconds(30);
    internal static readonly TimeSpan ConfigurationRetry = TimeSpan.FromSeconds(60);

    /// <summary>A limit that is the receiver's own costs one refused batch in so many.</summary>
    internal const int RaiseAfter = 100;

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    internal static DeliveryPace Of(TelegrafSettings settings)
    {
        var limits = new BatchLimits(settings.BatchLines, settings.BatchBytes);
        return new DeliveryPace(limits, limits, limits);
    }

    internal DeliveryPace OnDelivered()
    {
        var raise = Taken + 1 >= RaiseAfter;
        var ceiling = raise ? new BatchLimits(Doubled(Ceiling.Lines, Most.Lines), Doubled(Ceiling.Bytes, Most.Bytes)) : Ceiling;
        return this with
        {
            Failures = 0,
            Taken = raise ? 0 : Taken + 1,
            Ceiling = ceiling,
            Limits = new BatchLimits(Doubled(Limits.Lines, ceiling.Lines), ceiling.Bytes),
        };
    }

    internal DeliveryPace OnFailure() => this with { Failures = Failures + 1 };

    internal DeliveryPace OnBusy(int sentLines) => OnFailure() with { Limits = Limits with { Lines = Math.Max(1, sentLines / 2) } };

    internal DeliveryPace OnTooManyPoints(int sentLines) => Lower(Ceiling with { Lines = Math.Max(1, sentLines / 2) });

    internal DeliveryPace OnTooManyBytes(int sentBytes) => Lower(Ceiling with { Bytes = Math.Max(1, sentBytes / 2) });

    /// <summary>0.5 to 1 s after the first failure, doubled by each further one up to 30 s.</summary>
    /// <param name="jitter">0 to 1.</param>
    /// <param name="asked">A wait that the receiver asked for; a longer one is obeyed up to twice the longest own.</param>
    internal TimeSpan Wait(double jitter, TimeSpan? asked = null)
    {
        var doubled = TimeSpan.FromSeconds((0.5 + 0.5 * jitter) * Math.Pow(2, Math.Clamp(Failures - 1, 0, 10)));
        var own = doubled < LongestWait ? doubled : LongestWait;
        return asked is { } wanted && wanted > own ? (wanted < 2 * LongestWait ? wanted : 2 * LongestWait) : own;
    }

    private static int Doubled(int value, int most) => (int)Math.Min(most, value * 2L);

    private DeliveryPace Lower(BatchLimits ceiling) => this with
    {
        Taken = 0,
        Ceiling = ceiling,
        Limits = new BatchLimits(Math.Min(Limits.Lines, ceiling.Lines), ceiling.Bytes),
    };
}
