using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool.V1;

namespace FleetVibe.Agent.Accumulating;

/// <summary>How the collections of one source went in one window: the last one's outcome, and what was counted in all.</summary>
internal static class TargetFolding
{
    internal const string NoError = "none";

    /// <param name="key">Key of the source, or of a collector behind it.</param>
    internal static StoredTarget From(string kind, string key, string name, CollectionStatus status, DateTimeOffset at, long lastSuccessUnixMs) => new()
    {
        Source = key,
        Target = name,
        Kind = kind,
        Up = status.IsUp,
        ErrorClass = status.Error is { } error ? NameOf(error) : NoError,
        ScrapeDurationMs = status.Duration.TotalMilliseconds,
        LastSuccessUnixMs = status.Error is null ? at.ToUnixTimeMilliseconds() : lastSuccessUnixMs,
        SamplesSkipped = (ulong)Math.Max(0, status.SamplesSkipped),
        Restarts = (ulong)Math.Max(0, status.Restarts),
    };

    internal static StoredTarget Merge(StoredTarget earlier, StoredTarget later)
    {
        var merged = later.Clone();
        merged.SamplesSkipped += earlier.SamplesSkipped;
        merged.Restarts += earlier.Restarts;
        merged.LastSuccessUnixMs = Math.Max(earlier.LastSuccessUnixMs, later.LastSuccessUnixMs);
        return merged;
    }

    /// <summary>The class in snake_case: <c>http_4xx</c>, <c>file_missing</c>.</summary>
    internal static string NameOf(ErrorClass error)
    {
        var name = error.ToString();
        var text = new StringBuilder(name.Length + 2);
        for (var i = 0; i < name.Length; i++)
        {
            if (i > 0 && (char.IsUpper(name[i]) || (char.IsDigit(name[i]) && !char.IsDigit(name[i - 1]))))
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(name[i]));
        }

        return text.ToString();
    }
}
