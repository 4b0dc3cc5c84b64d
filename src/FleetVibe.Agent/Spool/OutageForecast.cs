namespace FleetVibe.Agent.Spool;

/// <summary>How long the spool lasts while nothing leaves it. Not thread safe.</summary>
internal sealed class OutageForecast
{
    private static readonly TimeSpan Span = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(30);

    private readonly Queue<(DateTimeOffset At, long Bytes)> _samples = new();

    /// <summary>Takes the size after a transaction; forgets what is older than some minutes.</summary>
    internal void Note(DateTimeOffset at, long bytes)
    {
        // A clock that was set back makes older samples worthless.
        while (_samples.TryPeek(out var oldest) && (at - oldest.At > Span || at < oldest.At))
        {
            _samples.Dequeue();
        }

        _samples.Enqueue((at, bytes));
    }

    /// <summary>Null while it does not grow, or was not watched for long enough.</summary>
    internal long? SecondsLeft(long limit) => SecondsLeft([.. _samples], limit);

    /// <summary>Seconds until the limit at the rate from the first to the last sample, at most <see cref="int.MaxValue"/>.</summary>
    internal static long? SecondsLeft(IReadOnlyList<(DateTimeOffset At, long Bytes)> samples, long limit)
    {
        if (samples.Count < 2 || samples[^1].At - samples[0].At < Shortest || samples[^1].Bytes <= samples[0].Bytes)
        {
            return null;
        }

        var rate = (samples[^1].Bytes - samples[0].Bytes) / (samples[^1].At - samples[0].At).TotalSeconds;
        return (long)Math.Min(Math.Max(0, limit - samples[^1].Bytes) / rate, int.MaxValue);
    }
}
