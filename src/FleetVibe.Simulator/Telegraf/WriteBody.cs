using System.IO.Compression;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Simulator.Telegraf;

/// <summary>How the reading of a body ended.</summary>
internal enum BodyOutcome
{
    Whole,

    /// <summary>More came than the limit allows.</summary>
    OverLimit,
    BadGzipHeader,
    UnexpectedEnd,
}

/// <summary>A body as far as it could be read, decompressed.</summary>
internal sealed record WriteBody(BodyOutcome Outcome, ReadOnlyMemory<byte> Bytes)
{
    private const int GzipHeaderBytes = 10;
    private const int GzipTrailerBytes = 8;

    /// <param name="limit">In bytes as they come over the wire.</param>
    public static async Task<WriteBody> ReadAsync(HttpRequest request, long limit, CancellationToken cancellationToken)
    {
        var wire = new MemoryStream();
        var buffer = new byte[64 * 1024];
        int read;
        while ((read = await request.Body.ReadAsync(buffer, cancellationToken)) > 0)
        {
            var room = limit - wire.Length;
            wire.Write(buffer, 0, (int)Math.Min(read, room));
            if (read > room)
            {
                return new WriteBody(BodyOutcome.OverLimit, wire.ToArray());
            }
        }

        return request.Headers.ContentEncoding.ToString() == "gzip"
            ? Decompress(wire.ToArray())
            : new WriteBody(BodyOutcome.Whole, wire.ToArray());
    }

    private static WriteBody Decompress(byte[] wire)
    {
        if (wire.Length < GzipHeaderBytes)
        {
            return new WriteBody(BodyOutcome.UnexpectedEnd, default);
        }

        if (wire[0] != 0x1f || wire[1] != 0x8b || wire[2] != 8)
        {
            return new WriteBody(BodyOutcome.BadGzipHeader, default);
        }

        using var plain = new MemoryStream();
        try
        {
            using var gzip = new GZipStream(new MemoryStream(wire), CompressionMode.Decompress);
            gzip.CopyTo(plain);
        }
        catch (InvalidDataException)
        {
            return new WriteBody(BodyOutcome.UnexpectedEnd, default);
        }

        // The stream takes a cut body for a short one; the trailer's length tells.
        var whole = wire.Length >= GzipHeaderBytes + GzipTrailerBytes && BitConverter.ToUInt32(wire, wire.Length - 4) == (uint)plain.Length;
        return new WriteBody(whole ? BodyOutcome.Whole : BodyOutcome.UnexpectedEnd, plain.ToArray());
    }
}
