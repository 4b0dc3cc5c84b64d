namespace FleetVibe.Metrics.Exposition;

/// <summary>What one sample is of its family.</summary>
public enum SamplePart
{
    /// <summary>The value of a counter, gauge or untyped family.</summary>
    Value,

    /// <summary>Cumulative count of a histogram bucket.</summary>
    Bucket,

    /// <summary>Sum of a histogram or summary.</summary>
    Sum,

    /// <summary>Count of a histogram or summary.</summary>
    Count,

    /// <summary>When the series began, in seconds since 1970.</summary>
    Created,

    /// <summary>A quantile of a summary.</summary>
    Quantile,

    /// <summary>A whole native histogram in braces; it has no single value.</summary>
    NativeHistogram,
}

/// <summary>Grammar of an exposition.</summary>
public enum ExpositionFormat
{
    /// <summary>Prometheus text 0.0.4: timestamps in milliseconds, no end mark.</summary>
    Text,

    /// <summary>OpenMetrics 1.0: timestamps in seconds; without <c># EOF</c> at its end it was cut off.</summary>
    OpenMetrics,
}

/// <summary>A line that was left out.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">Where reading ended, in bytes from 1.</param>
public readonly record struct SkippedLine(int Line, int Column, string Reason);
