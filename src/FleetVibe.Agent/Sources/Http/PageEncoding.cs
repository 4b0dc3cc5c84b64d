using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;

namespace FleetVibe.Agent.Sources.Http;

/// <summary>
/// Unpacks a body into bounded memory. The platform's own decompression is not used: it takes a body that was cut off
/// for a shorter page. <c>deflate</c> is not offered, since servers mean two formats by it.
/// </summary>
internal static class PageEncoding
{
    public const string Accepted = "gzip, br";

    // Header of 10 bytes, checksum and size of 4 each.
    private const int SmallestGzip = 18;

    /// <summary>The page, or null where it is larger than <see cref="BoundedBody.MaxBytes"/>.</summary>
    /// <exception cref="InvalidDataException">The body is damaged, cut off, or in an encoding that was not asked for.</exception>
    public static async Task<ReadOnlyMemory<byte>?> UnpackAsync(
        ReadOnlyMemory<byte> body, ICollection<string> encodings, CancellationToken cancellation)
    {
        var encoding = string.Join(',', encodings).Trim().ToLowerInvariant();
        if (body.IsEmpty || encoding is "" or "identity")
        {
            return body;
        }

        return encoding switch
        {
            "gzip" or "x-gzip" => await UnpackGzipAsync(body, cancellation),
            "br" => UnpackBrotli(body.Span),
            _ => throw new InvalidDataException($"encoding {encoding} was not asked for"),
        };
    }

    private static async Task<ReadOnlyMemory<byte>?> UnpackGzipAsync(ReadOnlyMemory<byte> body, CancellationToken cancellation)
    {
        MemoryMarshal.TryGetArray(body, out var bytes);
        using var packed = new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false);
        await using var unpacking = new GZipStream(packed, CompressionMode.Decompress);
        var page = await BoundedBody.ReadAsync(unpacking, BoundedBody.MaxBytes, cancellation);
        return page is null || (body.Length >= SmallestGzip && SizeIn(body.Span) == (uint)page.Value.Length)
            ? page
            : throw new InvalidDataException("the gzip body was cut off");
    }

    private static ReadOnlyMemory<byte>? UnpackBrotli(ReadOnlySpan<byte> body)
    {
        var page = new ArrayBufferWriter<byte>(Math.Max(body.Length, 1));
        using var decoder = new BrotliDecoder();
        while (page.WrittenCount <= BoundedBody.MaxBytes)
        {
            var status = decoder.Decompress(body, page.GetSpan(), out var taken, out var written);
            body = body[taken..];
            page.Advance(written);
            switch (status)
            {
                case OperationStatus.Done:
                    return page.WrittenCount <= BoundedBody.MaxBytes ? page.WrittenMemory : null;
                case OperationStatus.DestinationTooSmall:
                    break;
                default:
                    throw new InvalidDataException("the brotli body is damaged or was cut off");
            }
        }

        return null;
    }

    private static uint SizeIn(ReadOnlySpan<byte> gzip) => BinaryPrimitives.ReadUInt32LittleEndian(gzip[^4..]);
}
