using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.Simulator.Tests.Telegraf;

/// <summary>The tables of what Telegraf's three listeners answer.</summary>
public sealed class ListenerAnswerTests : TelegrafFixture
{
    private const string V2 = "/api/v2/write";
    private const string V1 = "/write";
    private const string Http = "/telegraf";
    private const string Good = "cpu,host=a value=1 1\n";
    private const string Bad = "cpu,host=b value1=1,value2=+Inf,value3=3";

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly SimulatedTelegrafSettings Guarded = new()
    {
        Token = BearerToken.FromText("secret"), Username = "user", Password = BearerToken.FromText("pass"),
    };

    [Theory]
    [InlineData(V2, Good, 1)]
    [InlineData(V1, Good, 1)]
    [InlineData(Http, Good, 1)]
    [InlineData(V2, "", 0)]
    [InlineData(V2, "# a comment\n\n", 0)]
    public async Task An_accepted_write_is_204_without_a_body(string path, string body, int points)
    {
        await using var telegraf = await StartAsync();

        var answer = await WriteAsync(telegraf, path, body);
        Assert.Equal((204, ""), (answer.Status, answer.Body));
        Assert.Equal(points, telegraf.Points().Count);
    }

    [Fact]
    public async Task V2_refuses_the_whole_batch_for_one_bad_line_and_says_which()
    {
        await using var telegraf = await StartAsync();

        var answer = await WriteAsync(telegraf, V2, Good + Bad);
        const string Message = "metric parse error: expected field at 2:28: \"" + Bad + "\"";
        Assert.Equal(400, answer.Status);
        Assert.Equal($$"""{"code":"invalid","err":{{JsonEncoded(Message)}},"message":{{JsonEncoded(Message)}},"op":""}""", answer.Body);
        Assert.Equal(Message, answer.Headers["X-Influxdb-Error"]);
        Assert.Empty(telegraf.Points());
        Assert.Equal([TelegrafViolationKind.MalformedLine], telegraf.Violations.Select(v => v.Kind));
    }

    [Fact]
    public async Task V1_keeps_the_good_lines_and_answers_400()
    {
        await using var telegraf = await StartAsync();

        var answer = await WriteAsync(telegraf, V1, $"{Good}{Bad}\nworse\n{Bad}\ncpu,host=c value=2 2\n");
        Assert.Equal(400, answer.Status);
        Assert.StartsWith("{\"error\":\"metric parse error: expected field at 2:28: \\\"cpu,host=b", answer.Body, StringComparison.Ordinal);
        Assert.EndsWith("(and 2 other parse errors)\"}", answer.Body, StringComparison.Ordinal);
        Assert.Equal(["a", "c"], telegraf.Points().Select(point => point.Tags["host"]));
        Assert.EndsWith("(and 1 other parse error)\"}", (await WriteAsync(telegraf, V1, $"{Bad}\nworse\n")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Http_listener_says_nothing_about_a_bad_line()
    {
        await using var telegraf = await StartAsync();

        var answer = await WriteAsync(telegraf, Http, Good + Bad);
        Assert.Equal((400, """{"error":"http: bad request"}"""), (answer.Status, answer.Body));
        Assert.Empty(telegraf.Points());
    }

    [Theory]
    [InlineData(V2, "{\"code\":\"invalid\",\"maxLength\":\"50\",\"message\":\"http: request body too large\"}")]
    [InlineData(V1, "{\"error\":\"http: request body too large\"}")]
    [InlineData(Http, "{\"error\":\"http: request body too large\"}")]
    public async Task A_body_whose_length_is_above_the_limit_is_413(string path, string body)
    {
        await using var telegraf = await StartAsync(new() { MaxBodyBytes = 50 });

        var answer = await WriteAsync(telegraf, path, Good + Good + Good);
        Assert.Equal((413, body), (answer.Status, answer.Body));
        Assert.Equal(path != Http, answer.Headers.ContainsKey("X-Influxdb-Error"));
        Assert.Equal(204, (await WriteAsync(telegraf, path, Good + Good)).Status);
    }

    [Fact]
    public async Task The_influxdb_listeners_limit_the_compressed_bytes_the_http_listener_the_plain_ones()
    {
        var body = string.Concat(Enumerable.Range(0, 100).Select(_ => Good));
        var compressed = Gzip(body);
        await using var telegraf = await StartAsync(new() { MaxBodyBytes = 1000 });
        Assert.True(compressed.Length < 1000 && body.Length > 1000);

        Assert.Equal(204, (await WriteGzipAsync(telegraf, V2, compressed)).Status);
        Assert.Equal(204, (await WriteGzipAsync(telegraf, V1, compressed)).Status);
        Assert.Equal(413, (await WriteGzipAsync(telegraf, Http, compressed)).Status);
    }

    [Fact]
    public async Task A_chunked_body_above_the_limit_is_400_and_v1_has_kept_its_first_lines()
    {
        await using var telegraf = await StartAsync(new() { MaxBodyBytes = 50 });

        var v2 = await SendAsync(telegraf, HttpMethod.Post, V2, Chunked());
        Assert.Equal(400, v2.Status);
        Assert.Equal("""{"code":"internal error","err":"http: request body too large","message":"http: request body too large","op":""}""", v2.Body);
        Assert.Empty(telegraf.Points());

        var v1 = await SendAsync(telegraf, HttpMethod.Post, V1, Chunked());
        Assert.Equal((400, """{"error":"http: request body too large"}"""), (v1.Status, v1.Body));
        Assert.Single(telegraf.Points());
        Assert.Equal(2, telegraf.Points()[0].Writes);

        Assert.Equal(204, (await SendAsync(telegraf, HttpMethod.Post, Http, Chunked())).Status);
        Assert.Equal(5, telegraf.Points()[0].Writes);

        static StreamContent Chunked() => new(new Unseekable(Encoding.UTF8.GetBytes(Good + Good + Good)));
    }

    [Fact]
    public async Task A_broken_gzip_is_400_and_stores_nothing()
    {
        await using var telegraf = await StartAsync();
        var whole = Gzip(string.Concat(Enumerable.Range(0, 500).Select(i => $"cpu,host=h{i} value={i} {i}\n")));

        var header = await WriteGzipAsync(telegraf, V2, Encoding.ASCII.GetBytes(Good));
        Assert.Equal((400, """{"code":"invalid","err":"gzip: invalid header","message":"gzip: invalid header","op":""}"""), (header.Status, header.Body));
        var cut = await WriteGzipAsync(telegraf, V2, whole[..(whole.Length / 2)]);
        Assert.Equal((400, """{"code":"internal error","err":"unexpected EOF","message":"unexpected EOF","op":""}"""), (cut.Status, cut.Body));
        Assert.Equal(400, (await WriteGzipAsync(telegraf, V2, whole[..^3])).Status);
        Assert.Equal(400, (await WriteGzipAsync(telegraf, Http, whole[..^3])).Status);
        Assert.Empty(telegraf.Points());
        Assert.Equal(204, (await WriteGzipAsync(telegraf, V2, whole)).Status);
        Assert.Equal(500, telegraf.Points().Count);
    }

    [Theory]
    [InlineData(V2, "Token secret", 204)]
    [InlineData(V2, null, 401)]
    [InlineData(V2, "Bearer secret", 401)]
    [InlineData(V2, "token secret", 401)]
    [InlineData(V2, "Token secret2", 401)]
    [InlineData(V2, "Token user:pass", 401)]
    [InlineData(V1, "Basic dXNlcjpwYXNz", 204)]
    [InlineData(V1, "Token user:pass", 204)]
    [InlineData(V1, "Token secret", 401)]
    [InlineData(V1, "Basic dXNlcjpubw==", 401)]
    [InlineData(V1, "Basic !", 401)]
    [InlineData(V1, null, 401)]
    [InlineData(Http, "Basic dXNlcjpwYXNz", 204)]
    [InlineData(Http, "Token user:pass", 401)]
    [InlineData(Http, null, 401)]
    [InlineData("/nowhere", null, 401)]
    [InlineData("/nowhere", "Token secret", 404)]
    [InlineData("/_points", null, 401)]
    [InlineData("/_points", "Token secret", 200)]
    [InlineData("/_points", "Basic dXNlcjpwYXNz", 200)]
    [InlineData("/query", null, 401)]
    [InlineData("/query", "Token user:pass", 200)]
    [InlineData("/ping", null, 204)]
    [InlineData("/health", null, 200)]
    [InlineData("/ready", null, 200)]
    public async Task Each_listener_wants_its_own_credentials(string path, string? authorization, int status)
    {
        await using var telegraf = await StartAsync(Guarded);

        Assert.Equal(status, (await WriteAsync(telegraf, path, path.StartsWith("/_", StringComparison.Ordinal) ? "" : Good, authorization)).Status);
    }

    [Fact]
    public async Task A_refusal_of_credentials_comes_first_and_in_each_listeners_words()
    {
        await using var telegraf = await StartAsync(Guarded with { MaxBodyBytes = 1 });

        var v2 = await WriteAsync(telegraf, V2, Good);
        Assert.Equal((401, "Unauthorized\n"), (v2.Status, v2.Body));
        Assert.DoesNotContain("WWW-Authenticate", v2.Headers.Keys);
        var v1 = await WriteAsync(telegraf, V1, Good);
        Assert.Equal((401, "Unauthorized\n"), (v1.Status, v1.Body));
        Assert.Equal("Basic realm=\"influxdb\"", v1.Headers["WWW-Authenticate"]);
        Assert.Equal("Unauthorized.\n", (await WriteAsync(telegraf, Http, Good)).Body);
    }

    [Fact]
    public async Task A_get_without_a_body_is_204_but_not_at_the_http_listener()
    {
        await using var telegraf = await StartAsync();

        Assert.Equal(204, (await GetAsync(telegraf, V2)).Status);
        Assert.Equal(204, (await GetAsync(telegraf, V1)).Status);
        var http = await GetAsync(telegraf, Http);
        Assert.Equal((405, """{"error":"http: method not allowed"}"""), (http.Status, http.Body));
        Assert.Empty(telegraf.Points());
    }

    [Fact]
    public async Task Unknown_and_unclean_paths()
    {
        await using var telegraf = await StartAsync();

        Assert.Equal((404, "404 page not found\n"), ((await WriteAsync(telegraf, V2 + "/", Good)).Status, (await WriteAsync(telegraf, "/nowhere", Good)).Body));
        var unclean = await WriteAsync(telegraf, "//api/v2/write", Good);
        Assert.Equal((301, "/api/v2/write"), (unclean.Status, unclean.Headers["Location"]));
        Assert.Empty(telegraf.Points());
    }

    [Theory]
    [InlineData(V2, "ms", 5_000_000)]
    [InlineData(V2, "us", 5_000)]
    [InlineData(V2, "s", 5_000_000_000)]
    [InlineData(V2, "ns", 5)]
    [InlineData(V2, "u", 5)]
    [InlineData(V2, "m", 5)]
    [InlineData(V1, "u", 5_000)]
    [InlineData(V1, "us", 5)]
    [InlineData(V1, "m", 300_000_000_000)]
    [InlineData(V1, "h", 18_000_000_000_000)]
    [InlineData(Http, "s", 5)]
    public async Task A_precision_that_a_listener_does_not_know_means_nanoseconds(string path, string precision, long timestampNs)
    {
        await using var telegraf = await StartAsync();

        await WriteAsync(telegraf, $"{path}?bucket=b&org=o&db=d&precision={precision}", "cpu,host=a value=1 5\n");
        Assert.Equal(timestampNs, Assert.Single(telegraf.Points()).TimestampNs);
    }

    [Fact]
    public async Task Undelivered_points_push_back()
    {
        await using var telegraf = await StartAsync(new() { MaxUndelivered = 3, FlushInterval = TimeSpan.FromSeconds(10) });
        var two = "cpu,host=a v=1 1\ncpu,host=b v=1 1\n";

        var tooMany = await WriteAsync(telegraf, V2, two + two);
        Assert.Equal((413, ""), (tooMany.Status, tooMany.Body));
        Assert.Equal(204, (await WriteAsync(telegraf, V2, two)).Status);
        var noRoom = await WriteAsync(telegraf, V2, two);
        Assert.Equal((429, ""), (noRoom.Status, noRoom.Body));
        Assert.DoesNotContain("Retry-After", noRoom.Headers.Keys);
        Assert.Equal(200, (await GetAsync(telegraf, "/health")).Status);
        Assert.Equal(204, (await WriteAsync(telegraf, V2, "cpu,host=c v=1 1\n")).Status);
        var health = await GetAsync(telegraf, "/api/v2/health");
        Assert.Equal(503, health.Status);
        Assert.Contains("\"message\":\"pending undelivered metrics (3) is above limit\"", health.Body, StringComparison.Ordinal);

        Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(200, (await GetAsync(telegraf, "/health")).Status);
        Assert.Equal(204, (await WriteAsync(telegraf, V2, two)).Status);
        Assert.Equal(2, telegraf.Statistics.Undelivered);
        telegraf.Flush();
        Assert.Equal(0, telegraf.Statistics.Undelivered);
    }

    [Fact]
    public async Task Health_pages_answer_as_the_real_ones()
    {
        await using var telegraf = await StartAsync();
        Clock.Advance(TimeSpan.FromSeconds(3723));

        var ping = await GetAsync(telegraf, "/ping");
        Assert.Equal((204, "1.0", "telegraf"), (ping.Status, ping.Headers["X-Influxdb-Version"], ping.Headers["X-Influxdb-Build"]));
        Assert.Equal("""{"version":"1.0"}""", (await GetAsync(telegraf, "/ping?verbose=1")).Body);
        Assert.Equal("""{"results":[]}""", (await GetAsync(telegraf, "/query?q=CREATE+DATABASE+x")).Body);
        Assert.Equal("""{"started":"2026-01-01T00:00:00.0000000Z","status":"ready","up":"1h2m3s"}""", (await GetAsync(telegraf, "/api/v2/ready")).Body);
        Assert.Contains("\"status\":\"pass\"", (await GetAsync(telegraf, "/health")).Body, StringComparison.Ordinal);
    }

    private static string JsonEncoded(string text) => JsonSerializer.Serialize(text, Json);

    /// <summary>Has no length, so that it is sent in chunks.</summary>
    private sealed class Unseekable(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
