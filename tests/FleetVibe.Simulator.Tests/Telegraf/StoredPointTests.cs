using System.Text.Json;
using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.Simulator.Tests.Telegraf;

public sealed class StoredPointTests : TelegrafFixture, IDisposable
{
    private const string V2 = "/api/v2/write";

    private readonly TempFolder _folder = new();

    void IDisposable.Dispose()
    {
        _folder.Dispose();
        Dispose();
    }

    [Fact]
    public async Task Fields_of_one_point_merge_and_the_last_write_wins()
    {
        await using var telegraf = await StartAsync();
        await WriteAsync(telegraf, V2, "cpu,zone=z,host=a x=1,y=2i 10\n");
        await WriteAsync(telegraf, V2, "cpu,host=a,zone=z x=3,z=\"t\" 10\ncpu,host=a,zone=z x=9 11\ncpu,host=b,zone=z x=8 10\n");

        Assert.Equal(3, telegraf.Points("cpu").Count);
        var point = telegraf.Points("cpu").Single(p => p.TimestampNs == 10 && p.Tags["host"] == "a");
        Assert.Equal((3.0, 2L, "t"), (point.Float("x"), point.Integer("y"), point.Text("z")));
        Assert.Null(point.Integer("x"));
        Assert.Equal(2, point.Writes);
        Assert.Empty(telegraf.Violations);
    }

    [Fact]
    public async Task Sums_are_over_the_points_held_not_over_the_writes()
    {
        await using var telegraf = await StartAsync();
        await WriteAsync(telegraf, V2, "vibe_fleet,host=fleet,window=10s requests=5i,revision=1i 10\n");
        await WriteAsync(telegraf, V2, "vibe_fleet,host=fleet,window=10s requests=7i,revision=2i 10\nvibe_fleet,host=fleet,window=1m requests=7i,revision=1i 10\n");

        Assert.Equal(14, telegraf.Sum("vibe_fleet", "requests"));
        Assert.Equal(7, telegraf.Sum("vibe_fleet", "requests", point => point.Tags["window"] == "10s"));
        Assert.Equal(3, telegraf.Statistics.Points);
        Assert.Equal(2, telegraf.Statistics.LargestBatch);
    }

    [Theory]
    [InlineData("cpu,host=a x=1 1\ncpu,host=b x=1i 2\n", TelegrafViolationKind.FieldTypeConflict)]
    [InlineData("cpu,node=a x=1 1\n", TelegrafViolationKind.MissingHostTag)]
    [InlineData("cpu,host=a x=1\n", TelegrafViolationKind.MissingTimestamp)]
    [InlineData("vibe_fleet,host=f revision=2i 1\nvibe_fleet,host=f revision=1i 1\n", TelegrafViolationKind.RevisionFell)]
    [InlineData("vibe_fleet,host=f revision=2i 1\nvibe_fleet,host=f revision=3i 1\nvibe_fleet,host=f revision=2i 1\n", TelegrafViolationKind.RevisionFell)]
    [InlineData("vibe_fleet,host=f revision=2i,requests=1i 1\nvibe_fleet,host=f revision=2i,requests=2i 1\n", TelegrafViolationKind.RevisionRewritten)]
    [InlineData("vibe_fleet,host=f revision=1i,contributors=2i 1\nvibe_fleet,host=f revision=2i,contributors=1i 1\n", TelegrafViolationKind.ContributorsFell)]
    [InlineData("vibe_fleet,host=f revision=1i,requests=7i 1\nvibe_fleet,host=f revision=3i,requests=6i 1\n", TelegrafViolationKind.RequestsFell)]
    [InlineData("vibe_fleet,host=f revision=1i,p99=1 1\nvibe_fleet,host=f revision=2i 1\n", TelegrafViolationKind.FieldVanished)]
    [InlineData("vibe_model,host=f x=1,y=2 1\nvibe_model,host=f x=1 1\n", TelegrafViolationKind.FieldVanished)]
    public async Task A_sin_is_remembered_though_the_answer_is_204(string body, TelegrafViolationKind kind)
    {
        await using var telegraf = await StartAsync();

        Assert.Equal(204, (await WriteAsync(telegraf, V2, body)).Status);
        Assert.Equal([kind], telegraf.Violations.Select(v => v.Kind));
    }

    [Theory]
    [InlineData("vibe_fleet,host=f revision=1i,a=1 1\nvibe_fleet,host=f revision=1i,a=1 1\n")]
    [InlineData("vibe_fleet,host=f revision=1i,a=1 1\nvibe_fleet,host=f revision=2i,a=2,b=1 1\n")]
    [InlineData("vibe_fleet,host=f revision=2i 1\nvibe_fleet,host=f revision=1i 2\nvibe_fleet,host=f,window=1m revision=1i 1\n")]
    [InlineData("vibe_fleet,host=f revision=1i,contributors=1i,requests=7i 1\nvibe_fleet,host=f revision=2i,contributors=1i,requests=9i 1\n")]
    [InlineData("cpu,host=a x=1 1\nmem,host=a x=1i 1\n")]
    public async Task What_is_right_is_no_sin(string body)
    {
        await using var telegraf = await StartAsync();

        await WriteAsync(telegraf, V2, body);
        Assert.Empty(telegraf.Violations);
    }

    [Fact]
    public async Task Revisions_are_kept_in_their_order()
    {
        await using var telegraf = await StartAsync();
        foreach (var revision in new[] { 1, 1, 3, 2, 4 })
        {
            await WriteAsync(telegraf, V2, $"vibe_fleet,host=f revision={revision}i 1\n");
        }

        Assert.Equal([1L, 1, 3, 2, 4], Assert.Single(telegraf.Points("vibe_fleet")).Revisions);
    }

    [Fact]
    public async Task A_fall_is_measured_against_the_highest_revision_not_the_last_that_came()
    {
        await using var telegraf = await StartAsync();
        foreach (var (revision, requests) in new[] { (3, 9), (1, 4), (4, 8) })
        {
            await WriteAsync(telegraf, V2, $"vibe_fleet,host=f revision={revision}i,requests={requests}i 1\n");
        }

        Assert.Equal([TelegrafViolationKind.RevisionFell, TelegrafViolationKind.RequestsFell], telegraf.Violations.Select(v => v.Kind));
    }

    [Fact]
    public async Task A_point_knows_when_it_first_came()
    {
        await using var telegraf = await StartAsync();
        var first = Clock.GetUtcNow();
        await WriteAsync(telegraf, V2, "vibe_fleet,host=f revision=1i 1\n");
        Clock.Advance(TimeSpan.FromSeconds(5));
        await WriteAsync(telegraf, V2, "vibe_fleet,host=f revision=2i 1\n");

        Assert.Equal(first.ToUnixTimeMilliseconds() * 1_000_000, Assert.Single(telegraf.Points("vibe_fleet")).FirstWriteNs);
    }

    [Fact]
    public async Task Points_and_violations_are_read_back_over_http()
    {
        await using var telegraf = await StartAsync();
        await WriteAsync(telegraf, V2, "vibe_fleet,host=fleet,model=m x=1.5,n=2i,f=true,s=\"a \\\"b\\\"\",revision=1i 20\ncpu v=1 1\n");

        using var point = JsonDocument.Parse((await GetAsync(telegraf, "/_points?measurement=vibe_fleet")).Body);
        Assert.Equal("vibe_fleet", point.RootElement.GetProperty("measurement").GetString());
        Assert.Equal("m", point.RootElement.GetProperty("tags").GetProperty("model").GetString());
        Assert.Equal(20, point.RootElement.GetProperty("timestamp_ns").GetInt64());
        var fields = point.RootElement.GetProperty("fields");
        Assert.Equal((1.5, 2L, true, "a \"b\""), (fields.GetProperty("x").GetDouble(), fields.GetProperty("n").GetInt64(), fields.GetProperty("f").GetBoolean(), fields.GetProperty("s").GetString()));
        Assert.Equal("Integer", point.RootElement.GetProperty("types").GetProperty("n").GetString());
        Assert.Equal(2, (await GetAsync(telegraf, "/_points")).Body.TrimEnd('\n').Split('\n').Length);
        Assert.Contains("MissingHostTag", (await GetAsync(telegraf, "/_violations")).Body, StringComparison.Ordinal);
        Assert.Contains("\"by_status\":{\"204\":1}", (await GetAsync(telegraf, "/_stats")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_output_file_holds_every_accepted_line_in_nanoseconds_and_outlives_the_telegraf()
    {
        var settings = new SimulatedTelegrafSettings { OutputPath = _folder.File("telegraf.lp") };
        await using (var telegraf = await StartAsync(settings))
        {
            await WriteAsync(telegraf, V2 + "?precision=s", "cpu,host=a x=\"a\nb\",y=1i  5 \ncpu,host=b x=\"t\"\n");
            await WriteAsync(telegraf, V2, "cpu,host=c x=\"u\" 7\nbad\n");
            await WriteAsync(telegraf, "/write", "cpu,host=d x=\"u\" 7\nbad\n");
        }

        var nowNs = Clock.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000;
        Assert.Equal($"cpu,host=a x=\"a\nb\",y=1i 5000000000\ncpu,host=b x=\"t\" {nowNs}\ncpu,host=d x=\"u\" 7\n", await File.ReadAllTextAsync(settings.OutputPath));
        await File.AppendAllTextAsync(settings.OutputPath, "cpu,host=e x=\"cut off by a kill, and longer than the next line\"");

        await using var again = await StartAsync(settings);
        Assert.Equal(["a", "b", "d"], again.Points("cpu").Select(p => p.Tags["host"]).Order());
        Assert.Equal("a\nb", again.Points("cpu").Single(p => p.Tags["host"] == "a").Text("x"));
        await WriteAsync(again, V2, "cpu,host=f x=\"v\" 8\n");
        Assert.EndsWith("cpu,host=d x=\"u\" 7\ncpu,host=f x=\"v\" 8\n", await File.ReadAllTextAsync(settings.OutputPath), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_dialects_share_one_store_and_many_writers_lose_no_point()
    {
        await using var telegraf = await StartAsync();
        string[] paths = [V2, "/write", "/telegraf"];
        await Task.WhenAll(Enumerable.Range(0, 60).Select(i => WriteAsync(telegraf, paths[i % 3], $"cpu,host=h{i} v=1i 1\ncpu,host=h{i} v=1i 2\n")));

        Assert.Equal(120, telegraf.Sum("cpu", "v"));
        Assert.Equal(60, telegraf.Statistics.Requests);
    }
}
