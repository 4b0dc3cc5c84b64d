using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>How the end of a request counts.</summary>
internal static class FinishReasons
{
    /// <summary>Reasons of an engine. A truncated answer is no error, and what a later release names is a normal end.</summary>
    public static Measure OfEngine(string? reason) => reason?.ToLowerInvariant() switch
    {
        "abort" or "error" => Measure.FinishedInError,
        "length" => Measure.FinishedAtLimit,
        _ => Measure.FinishedNormally,
    };

    /// <summary>Statuses of HTTP, whole (<c>503</c>) or grouped (<c>5xx</c>): from 400 on an error.</summary>
    public static Measure OfHttp(string? status) =>
        status is ['4' or '5', _, _] ? Measure.FinishedInError : Measure.FinishedNormally;
}
