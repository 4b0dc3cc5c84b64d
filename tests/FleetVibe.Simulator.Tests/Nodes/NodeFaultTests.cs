using System.IO.Compression;
using System.Net;
using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Nodes;

namespace FleetVibe.Simulator.Tests.Nodes;

public sealed class NodeFaultTests : NodeFixture
{
    [Theory]
    [InlineData(NodeFault.None, 200, "text/plain")]
    [InlineData(NodeFault.Html, 200, "text/html")]
    [InlineData(NodeFault.Unavailable, 503, "text/plain")]
    [InlineData(NodeFault.NotFound, 404, "application/json")]
    [InlineData(NodeFault.Unauthorized, 401, "application/json")]
    [InlineData(NodeFault.Redirect, 302, null)]
    [InlineData(NodeFault.EmptyBody, 200, "text/plain")]
    [InlineData(NodeFault.NaN, 200, "text/plain")]
    [InlineData(NodeFault.Wedged, 200, "text/plain")]
    public async Task A_fault_answers_as_it_says(NodeFault fault, int status, string? mediaType)
    {
        await using var node = await StartAsync(Quiet());
        using var client = new NodeClient(node);
        node.Fault = fault;

        using var response = await client.GetAsync("/metrics");
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(mediaType, response.Content.Headers.ContentType?.MediaType);

        node.Fault = NodeFault.None;
        await client.GetMetricsAsync();
    }

    [Fact]
    public async Task Health_needs_no_token_and_falls_with_the_engine()
    {
        await using var node = await StartAsync(Quiet());
        using var stranger = new NodeClient(node, token: "wrong");
        using (var healthy = await stranger.GetAsync("/health"))
        {
            Assert.Equal(HttpStatusCode.OK, healthy.StatusCode);
        }

        node.Fault = NodeFault.Unavailable;
        using var ill = await stranger.GetAsync("/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ill.StatusCode);
    }

    [Fact]
    public async Task A_truncated_gzip_is_no_whole_page()
    {
        await using var node = await StartAsync(Quiet());
        using var client = new NodeClient(node);
        node.Fault = NodeFault.TruncatedGzip;

        using var response = await client.GetAsync("/metrics");
        Assert.Equal("gzip", Assert.Single(response.Content.Headers.ContentEncoding));
        var bytes = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(new byte[] { 0x1f, 0x8b }, bytes[..2]);
        using var plain = new MemoryStream();
        try
        {
            await using var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
            await gzip.CopyToAsync(plain);
        }
        catch (InvalidDataException)
        {
        }

        Assert.False(plain.ToArray().AsSpan().EndsWith("\n"u8) && plain.Length > 30_000);
    }

    [Fact]
    public async Task A_page_is_compressed_where_the_caller_takes_it()
    {
        await using var node = await StartAsync(Quiet());
        using var client = new NodeClient(node);
        using var request = new HttpRequestMessage(HttpMethod.Get, node.MetricsEndpoint);
        var handler = PeerTrust.CreateHandler(node.CaFile);
        handler.AutomaticDecompression = DecompressionMethods.GZip;
        using var http = new HttpClient(handler);
        request.Headers.Add("Authorization", "Bearer " + (await File.ReadAllTextAsync(node.TokenFile)).Trim());

        using var response = await http.SendAsync(request);
        Assert.Equal(await client.GetTextAsync("/metrics"), await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task An_endless_body_goes_on_beyond_any_sane_limit()
    {
        await using var node = await StartAsync(Quiet());
        using var client = new NodeClient(node);
        node.Fault = NodeFault.EndlessBody;

        using var response = await client.GetAsync("/metrics", HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[1 << 16];
        var total = 0L;
        while (total < 20_000_000)
        {
            var read = await body.ReadAsync(buffer);
            Assert.NotEqual(0, read);
            total += read;
        }
    }

    [Fact]
    public async Task A_reset_gives_no_answer()
    {
        await using var node = await StartAsync(Quiet());
        using var client = new NodeClient(node);
        node.Fault = NodeFault.Reset;

        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync("/metrics"));
    }

    [Fact]
    public async Task A_slow_answer_comes_after_its_time_and_a_hanging_one_never()
    {
        await using var node = await StartAsync(Quiet());
        using var client = new NodeClient(node);
        node.Fault = NodeFault.Slow;
        var slow = client.GetAsync("/metrics");
        await AdvanceUntilAsync(() => slow.IsCompleted);
        using var answer = await slow;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(Clock.GetUtcNow() - Clock.Start >= node.Settings.SlowBy);

        node.Fault = NodeFault.Hang;
        using var giveUp = new CancellationTokenSource();
        var hanging = client.GetAsync("/metrics", cancellationToken: giveUp.Token);
        Clock.Advance(TimeSpan.FromHours(1));
        Assert.False(hanging.IsCompleted);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => hanging);
    }

    [Fact]
    public async Task A_wedged_engine_answers_but_finishes_nothing_and_lets_requests_wait()
    {
        await using var node = await StartAsync(Quiet() with { OwnTraffic = true, RequestsPerSecond = 50, ExpectedReaders = ExpectedReaders.None });
        using var client = new NodeClient(node);
        await AdvanceUntilAsync(() => node.RequestsFinished > 20);

        node.Fault = NodeFault.Wedged;
        var finished = node.RequestsFinished;
        var since = Clock.GetUtcNow();
        await AdvanceUntilAsync(() => Clock.GetUtcNow() - since > TimeSpan.FromSeconds(30));

        // One step may have been under way; the rest of 1,500 requests must not come.
        Assert.InRange(node.RequestsFinished - finished, 0, 200);
        finished = node.RequestsFinished;
        var boards = Path.Combine(node.Folder, NvidiaSmiScript.BoardsFile);
        await AdvanceUntilAsync(() => File.ReadAllText(boards).Contains("\t100\t", StringComparison.Ordinal));
        var page = await client.GetMetricsAsync();
        Assert.True(page.Sum("vllm:num_requests_running") > 0);
        Assert.True(page.Sum("vllm:num_requests_waiting") > 0);
        node.Fault = NodeFault.None;
        await AdvanceUntilAsync(() => node.RequestsFinished > finished);
    }

    [Theory]
    [InlineData("/nothing", HttpStatusCode.NotFound)]
    [InlineData("/metrics/", HttpStatusCode.NotFound)]
    public async Task An_unknown_path_is_not_found(string path, HttpStatusCode status)
    {
        await using var node = await StartAsync(Quiet());
        using var client = new NodeClient(node);
        using var response = await client.GetAsync(path);
        Assert.Equal(status, response.StatusCode);
    }
}
