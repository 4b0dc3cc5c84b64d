using System.Globalization;

namespace FleetVibe.Simulator.Traffic;

/// <summary>Who a stream of requests belongs to.</summary>
public sealed record StreamIdentity(string Node, string Target, string Source, string Model, string Task);

/// <summary>
/// An endless stream of finished requests out of a seed: the same seed and name give the same stream on every machine.
/// Not thread safe.
/// </summary>
public sealed class RequestStream
{
    internal const double MinSeconds = 0.05;
    internal const double MaxSeconds = 1800;

    /// <summary>Where a VibeThinker answer is cut; a length-limited one has exactly so many.</summary>
    internal const int MaxCompletionTokens = 40_960;

    private const double ErrorShare = 0.02;
    private const double LengthShare = 0.03;

    private readonly StreamIdentity _identity;
    private readonly LatencyProfile _profile;
    private readonly Random _gaps;
    private readonly Random _requests;
    private long _number;

    public RequestStream(StreamIdentity identity, LatencyProfile profile, int seed)
    {
        _identity = identity;
        _profile = profile;

        // Nodes that were given the same seed must not finish the same requests: that would hide a double count.
        var mixed = (int)Fnv1A(identity.Node) ^ seed;
        _gaps = new Random(mixed);
        _requests = new Random(~mixed);
    }

    /// <summary>Time to the next completion of a Poisson process.</summary>
    /// <param name="perSecond">Mean rate, above zero.</param>
    public TimeSpan NextGap(double perSecond) => TimeSpan.FromSeconds(-Math.Log(1 - _gaps.NextDouble()) / perSecond);

    /// <summary>The next request, said to have ended at the given moment.</summary>
    public FinishedRequest Next(long completedMs)
    {
        // Always the same number of draws a request, so that one more status never shifts all that follows.
        var kind = _requests.NextDouble();
        var durationDraw = Gaussian();
        var ttftDraw = Gaussian();
        var speedDraw = Gaussian();
        var promptDraw = Gaussian();

        var speed = Math.Max(MaxCompletionTokens / (MaxSeconds - 100), _profile.TokensPerSecond * Math.Exp(0.15 * speedDraw));
        var ttft = Math.Clamp(_profile.TtftMedianSeconds * Math.Exp(0.6 * ttftDraw), 0.001, 60);
        var limited = kind is >= ErrorShare and < ErrorShare + LengthShare;
        double duration;
        long completion;
        if (limited)
        {
            completion = MaxCompletionTokens;
            duration = Math.Clamp(ttft + (completion / speed), MinSeconds, MaxSeconds);
        }
        else
        {
            duration = Math.Clamp(_profile.MedianSeconds * Math.Exp(_profile.Sigma * durationDraw), MinSeconds, MaxSeconds);
            ttft = Math.Min(ttft, duration * 0.8);
            completion = Math.Clamp((long)((duration - ttft) * speed), 1, MaxCompletionTokens - 1);
        }

        _number++;
        return new FinishedRequest
        {
            Node = _identity.Node,
            Target = _identity.Target,
            Source = _identity.Source,
            Model = _identity.Model,
            Task = _identity.Task,
            CompletedMs = completedMs,
            DurationMs = Math.Round(duration * 1e6) / 1e3,
            TtftMs = Math.Round(ttft * 1e6) / 1e3,
            PromptTokens = Math.Clamp((long)(220 * Math.Exp(0.7 * promptDraw)), 8, 4096),
            CompletionTokens = completion,
            Status = kind < ErrorShare ? FinishedRequest.Error : limited ? FinishedRequest.LengthLimited : FinishedRequest.Stop,
            RequestId = string.Create(CultureInfo.InvariantCulture, $"{_identity.Node}-{_number:D8}"),
        };
    }

    /// <summary>Fowler-Noll-Vo 1a with 32 bits: the same on every machine, unlike string.GetHashCode.</summary>
    private static uint Fnv1A(string text)
    {
        var hash = 2166136261u;
        foreach (var c in text)
        {
            hash = unchecked((hash ^ c) * 16777619u);
        }

        return hash;
    }

    /// <summary>Box and Muller's transform.</summary>
    private double Gaussian() =>
        Math.Sqrt(-2 * Math.Log(1 - _requests.NextDouble())) * Math.Cos(2 * Math.PI * _requests.NextDouble());
}
