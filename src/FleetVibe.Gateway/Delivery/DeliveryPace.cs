namespace FleetVibe.Gateway.Delivery;

/// <summary>How much is sent at once, and when next. Pure: every step gives a new pace.</summary>
/// <param name="Limits">Of the next batch.</param>
/// <param name="Ceiling">What the receiver's own limits allow; grows no more once it answered 413.</param>
/// <param name="Failures">In a row.</param>
internal sealed record DeliveryPace(BatchLimits Limits, BatchLimits Ceiling, int Failures)
{
    internal static readonly TimeSpan AuthorizationRetry = TimeSpan.FromSeconds(30);
    internal static readonly TimeSpan ConfigurationRetry = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    internal static DeliveryPace Of(TelegrafSettings settings)
    {
        var limits = new BatchLimits(settings.BatchLines, settings.BatchBytes);
        return new DeliveryPace(limits, limits, 0);
    }

    internal DeliveryPace OnDelivered() => this with
    {
        Failures = 0,
        Limits = new BatchLimits(Math.Min(Ceiling.Lines, (int)Math.Min(int.MaxValue, Limits.Lines * 2L)), Ceiling.Bytes),
    };

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

    private DeliveryPace Lower(BatchLimits ceiling) => this with
    {
        Ceiling = ceiling,
        Limits = new BatchLimits(Math.Min(Limits.Lines, ceiling.Lines), ceiling.Bytes),
    };
}
