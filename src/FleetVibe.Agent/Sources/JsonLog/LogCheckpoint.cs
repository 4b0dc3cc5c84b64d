using System.Text.Json;
using System.Text.Json.Serialization;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>How far a log was read, as it stands in the spool.</summary>
/// <param name="Files">Rotated files still being drained, oldest first, then the present one; empty where the log did not exist yet.</param>
/// <param name="Known">Rotated files that are not to be read (again).</param>
internal sealed record LogCheckpoint(IReadOnlyList<LogCheckpoint.FilePosition> Files, IReadOnlyList<LogCheckpoint.KnownFile> Known)
{
    private const int CurrentVersion = 1;

    /// <summary>Readers refuse a version that they do not know.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>Compressed files that were last changed by then, in nanoseconds of the unix epoch, were read or are not to be; null in what older agents stored.</summary>
    public long? ArchivesUntil { get; init; }

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, LogCheckpointJson.Default.LogCheckpoint);

    public static bool TryParse(byte[] bytes, out LogCheckpoint checkpoint)
    {
        checkpoint = new LogCheckpoint([], []);
        try
        {
            if (JsonSerializer.Deserialize(bytes, LogCheckpointJson.Default.LogCheckpoint) is not { Version: CurrentVersion, Files: not null, Known: not null } parsed)
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

    /// <param name="Device">With the inode the file's identity; device numbers may change over a boot.</param>
    /// <param name="HeadLength">How many first bytes <paramref name="HeadHash"/> covers.</param>
    /// <param name="Offset">After the last line that was folded.</param>
    /// <param name="SkipToNewline">The offset stands inside a line that is too long.</param>
    /// <param name="Resume">Where the first piece of a line stands that was not whole by then; null where none waited.</param>
    internal sealed record FilePosition(
        ulong Device, ulong Inode, int HeadLength, ulong HeadHash, long Offset, bool SkipToNewline,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Resume = null)
    {
        [JsonIgnore]
        public FileId Id => new(Device, Inode);

        [JsonIgnore]
        public HeadFingerprint Head => new(HeadLength, HeadHash);
    }

    internal sealed record KnownFile(ulong Inode, int HeadLength, ulong HeadHash);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LogCheckpoint))]
internal sealed partial class LogCheckpointJson : JsonSerializerContext;
