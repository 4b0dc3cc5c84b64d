using System.Buffers.Binary;
using System.Security.Cryptography;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>Hash of a file's first bytes, with how many it covers: what tells a file from another that got its inode.</summary>
/// <param name="Length">0 to <see cref="MaxLength"/>; a file that was empty has none, and everything matches it.</param>
internal readonly record struct HeadFingerprint(int Length, ulong Hash)
{
    public const int MaxLength = 1024;

    /// <summary>From here on equal heads mean equal files even under another inode: a copy, or another device number after a boot.</summary>
    public const int MinLengthOfContent = 64;

    public bool IdentifiesContent => Length >= MinLengthOfContent;

    public static HeadFingerprint Of(ReadOnlySpan<byte> head)
    {
        if (head.IsEmpty)
        {
            return default;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(head, hash);
        return new HeadFingerprint(head.Length, BinaryPrimitives.ReadUInt64LittleEndian(hash));
    }

    /// <param name="head">As many of a file's first bytes as there are, up to <see cref="MaxLength"/>.</param>
    public bool Matches(ReadOnlySpan<byte> head) => head.Length >= Length && Of(head[..Length]) == this;
}
