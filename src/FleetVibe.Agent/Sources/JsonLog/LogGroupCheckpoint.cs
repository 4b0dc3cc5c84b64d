using System.Text.Json;
using System.Text.Json.Serialization;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>How far each log of a pattern was read, as it stands in the spool.</summary>
/// <param name="Logs">By path.</param>
/// <param name="LookedAt">When the pattern was last looked up, in nanoseconds of the unix epoch.</param>
internal sealed record LogGroupCheckpoint(IReadOnlyDictionary<string, LogCheckpoint> Logs, long LookedAt)
{
    private const int CurrentVersion = 1;

    /// <summary>Readers refuse a version that they do not know.</summary>
    public int GroupVersion { get; init; }

    public static byte[] ToBytes(IReadOnlyDictionary<string, byte[]> checkpoints, long lookedAt)
    {
        var logs = new SortedDictionary<string, LogCheckpoint>(StringComparer.Ordinal);
        foreach (var (path, bytes) in checkpoints)
        {
            logs[path] = LogCheckpoint.TryParse(bytes, out var checkpoint) ? checkpoint : throw new ArgumentException($"no checkpoint of a log: {path}", nameof(checkpoints));
        }

        return JsonSerializer.SerializeToUtf8Bytes(new LogGroupCheckpoint(logs, lookedAt) { GroupVersion = CurrentVersion }, LogGroupCheckpointJson.Default.LogGroupCheckpoint);
    }

    public static bool TryParse(byte[] bytes, out LogGroupCheckpoint checkpoint)
    {
        checkpoint = new LogGroupCheckpoint(new Dictionary<string, LogCheckpoint>(), 0);
        try
        {
            if (JsonSerializer.Deserialize(bytes, LogGroupCheckpointJson.Default.LogGroupCheckpoint) is not { GroupVersion: CurrentVersion, Logs: not null } parsed)
            {
                return false;
            }

            checkpoint = parsed;
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LogGroupCheckpoint))]
internal sealed partial class LogGroupCheckpointJson : JsonSerializerContext;
