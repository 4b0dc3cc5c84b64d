using System.IO.Compression;
using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Http;
using Microsoft.AspNetCore.Http;
using static FleetVibe.Agent.Tests.Sources.Http.Fetching;

namespace FleetVibe.Agent.Tests.Sources.Http;

/// <summary>How much of a body is taken, and how it is unpacked.</summary>
public class SourceBodyTests
{
    [Fact]
    public async Task An_endless_body_is_given_up()
    {
        var chunk = new byte[1 << 20];
        var outcome = await FetchAsync(async context =>
        {
            for (var i = 0; i < 10_000 && !context.RequestAborted.IsCancellationRequested; i++)
            {
                await context.Response.Body.WriteAsync(chunk, context.RequestAborted);
            }
        });
        Assert.Equal(ErrorClass.TooLarge, outcome.Error);
    }

    [Fact]
    public async Task Not_more_than_a_byte_beyond_the_limit_is_taken()
    {
        using var endless = new Endless();
        Assert.Null(await BoundedBody.ReadAsync(endless, BoundedBody.MaxBytes, CancellationToken.None));
        Assert.Equal(BoundedBody.MaxBytes + 1, endless.Taken);
    }

    [Fact]
    public async Task A_body_that_says_it_is_too_large_is_not_read()
    {
        using var never = new SemaphoreSlim(0);
        var outcome = await FetchAsync(async context =>
        {
            context.Response.ContentLength = 10L << 30;
            await context.Response.Body.WriteAsync(new byte[1000]);
            await context.Response.Body.FlushAsync();
            await never.WaitAsync(context.RequestAborted);
        });
        Assert.Equal(ErrorClass.TooLarge, outcome.Error);
    }

    [Fact]
    public async Task A_compressed_bomb_is_given_up_by_its_size_unpacked()
    {
        var bomb = Compressed(new byte[64 << 20]);
        Assert.True(bomb.Length < 1 << 20);
        var outcome = await FetchAsync(context => SendCompressedAsync(context, bomb));
        Assert.Equal(ErrorClass.TooLarge, outcome.Error);
    }

    [Fact]
    public async Task A_page_of_exactly_the_limit_is_read()
    {
        var outcome = await FetchAsync(context => SendCompressedAsync(context, Compressed(new byte[BoundedBody.MaxBytes])));
        Assert.Equal(BoundedBody.MaxBytes, outcome.Page!.Body.Length);
    }

    [Fact]
    public async Task A_brotli_page_is_read_and_a_cut_off_one_is_not()
    {
        var text = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 2000).Select(i => $"vllm:a{{i=\"{i}\"}} {i * i}\n")));
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            brotli.Write(text);
        }

        var body = packed.ToArray();
        var whole = await FetchAsync(context => SendCompressedAsync(context, body, "br"));
        Assert.Equal(text, whole.Page!.Body.ToArray());
        var cut = await FetchAsync(context => SendCompressedAsync(context, body[..(body.Length / 2)], "br"));
        Assert.Equal(ErrorClass.WrongContent, cut.Error);
    }

    [Fact]
    public async Task A_brotli_bomb_is_given_up_by_its_size_unpacked()
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            brotli.Write(new byte[64 << 20]);
        }

        Assert.Equal(ErrorClass.TooLarge, (await FetchAsync(context => SendCompressedAsync(context, packed.ToArray(), "br"))).Error);
    }

    [Theory]
    [InlineData("deflate")]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task A_body_that_is_not_what_it_says_is_wrong_content(string encoding)
    {
        var outcome = await FetchAsync(context => SendCompressedAsync(context, "vllm:a 1\n"u8.ToArray(), encoding));
        Assert.Equal(ErrorClass.WrongContent, outcome.Error);
    }

    [Fact]
    public async Task An_empty_compressed_page_is_an_empty_page() =>
        Assert.Equal(0, (await FetchAsync(context => SendCompressedAsync(context, Compressed([])))).Page!.Body.Length);

    [Fact]
    public async Task A_cut_off_compressed_page_is_no_page()
    {
        var random = new byte[50_000];
        new Random(7).NextBytes(random);
        var whole = Compressed(Encoding.ASCII.GetBytes(Convert.ToBase64String(random)));
        var outcome = await FetchAsync(context => SendCompressedAsync(context, whole[..(whole.Length / 2)]));
        Assert.Equal(ErrorClass.WrongContent, outcome.Error);
    }

    private static byte[] Compressed(byte[] body)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(body);
        }

        return packed.ToArray();
    }

    private static Task SendCompressedAsync(HttpContext context, byte[] body, string encoding = "gzip")
    {
        context.Response.Headers.ContentEncoding = encoding;
        return context.Response.Body.WriteAsync(body).AsTask();
    }

    private sealed class Endless : Stream
    {
        public long Taken { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            Taken += count;
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
