using System.Buffers;

namespace FleetVibe.Agent.Sources.Http;

/// <summary>Reads a body of unknown length into bounded memory.</summary>
internal static class BoundedBody
{
    /// <summary>Largest page, packed as well as unpacked. Real ones have up to 300 KiB.</summary>
    public const int MaxBytes = 16 * 1024 * 1024;

    private const int ChunkBytes = 64 * 1024;

    /// <summary>The whole body, or null as soon as it proves larger than <paramref name="maxBytes"/>.</summary>
    public static async Task<ReadOnlyMemory<byte>?> ReadAsync(Stream body, int maxBytes, CancellationToken cancellation)
    {
        var buffer = new ArrayBufferWriter<byte>(ChunkBytes);
        while (true)
        {
            // One byte more than allowed tells "exactly full" from "too large".
            var room = Math.Min(ChunkBytes, maxBytes + 1 - buffer.WrittenCount);
            var read = await body.ReadAsync(buffer.GetMemory(room)[..room], cancellation);
            if (read == 0)
            {
                return buffer.WrittenMemory;
            }

            buffer.Advance(read);
            if (buffer.WrittenCount > maxBytes)
            {
                return null;
            }
        }
    }
}
