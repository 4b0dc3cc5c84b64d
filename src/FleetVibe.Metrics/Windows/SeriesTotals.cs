using FleetVibe.Metrics.Histograms;

namespace FleetVibe.Metrics.Windows;

/// <summary>Everything of one series in one window that adds up. Merging is exact and order-free. Not thread safe.</summary>
public sealed class SeriesTotals
{
    /// <summary>Finished requests, errors included.</summary>
    public long Requests { get; set; }

    public long Errors { get; set; }

    /// <summary>Answers cut off at the token limit; no errors, but failed answers all the same.</summary>
    public long LengthLimited { get; set; }

    public long InputTokens { get; set; }

    public long OutputTokens { get; set; }

    /// <summary>Requests out of scrape deltas wider than 1.5 windows.</summary>
    public long WideRequests { get; set; }

    /// <summary>End-to-end latency in seconds. A request without a duration is counted but has no latency.</summary>
    public Distribution ResponseTime { get; init; } = new();

    /// <summary>Time to first token in seconds.</summary>
    public Distribution Ttft { get; init; } = new();

    public bool IsEmpty =>
        Requests == 0 && Errors == 0 && LengthLimited == 0 && InputTokens == 0 && OutputTokens == 0
        && WideRequests == 0 && ResponseTime.Count == 0 && Ttft.Count == 0;

    public void Merge(SeriesTotals other)
    {
        Requests += other.Requests;
        Errors += other.Errors;
        LengthLimited += other.LengthLimited;
        InputTokens += other.InputTokens;
        OutputTokens += other.OutputTokens;
        WideRequests += other.WideRequests;
        ResponseTime.Merge(other.ResponseTime);
        Ttft.Merge(other.Ttft);
    }
}
