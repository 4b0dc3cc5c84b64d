using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.Simulator.Tests.Telegraf;

public sealed class TelegrafFaultTests : TelegrafFixture
{
    private const string Good = "cpu,host=a value=1 1\n";

    [Theory]
    [InlineData(TelegrafFault.Status400, 400)]
    [InlineData(TelegrafFault.Status401, 401)]
    [InlineData(TelegrafFault.Status410, 410)]
    [InlineData(TelegrafFault.Status413, 413)]
    [InlineData(TelegrafFault.Status429, 429)]
    [InlineData(TelegrafFault.Status500, 500)]
    [InlineData(TelegrafFault.Status503, 503)]
    public async Task A_queued_status_is_answered_once_and_stores_nothing(TelegrafFault fault, int status)
    {
        foreach (var path in new[] { "/api/v2/write", "/write", "/telegraf" })
        {
            await using var telegraf = await StartAsync();
            telegraf.QueueFaults(fault, TelegrafFault.None);

            Assert.Equal(status, (await WriteAsync(telegraf, path, Good)).Status);
            Assert.Empty(telegraf.Points());
            Assert.Equal(204, (await WriteAsync(telegraf, path, Good)).Status);
            Assert.Single(telegraf.Points());
            Assert.Equal([204, status], telegraf.Statistics.ByStatus.Keys.Order());
        }
    }

    [Theory]
    [InlineData(TelegrafFault.ResetBeforeStoring, 0)]
    [InlineData(TelegrafFault.ResetAfterStoring, 1)]
    public async Task A_reset_leaves_the_sender_in_doubt(TelegrafFault fault, int stored)
    {
        await using var telegraf = await StartAsync();
        telegraf.QueueFaults(fault);

        await Assert.ThrowsAsync<HttpRequestException>(() => WriteAsync(telegraf, "/api/v2/write", Good));
        Assert.Equal(stored, telegraf.Points().Count);
        Assert.Equal(1, telegraf.Statistics.ByStatus[0]);
    }

    [Theory]
    [InlineData(TelegrafFault.Hang, 0)]
    [InlineData(TelegrafFault.HangAfterStoring, 1)]
    public async Task A_hanging_write_never_answers_and_ends_with_the_telegraf(TelegrafFault fault, int stored)
    {
        await using var telegraf = await StartAsync();
        telegraf.QueueFaults(fault);

        var write = WriteAsync(telegraf, "/write", Good);
        await HeldAsync(telegraf);
        Assert.Equal(204, (await WriteAsync(telegraf, "/write", "cpu,host=b value=1 1\n")).Status);
        Clock.Advance(TimeSpan.FromHours(1));
        Assert.False(write.IsCompleted);
        await telegraf.DisposeAsync();
        await Assert.ThrowsAsync<HttpRequestException>(() => write);
        Assert.Equal(stored + 1, telegraf.Points().Count);
    }

    [Fact]
    public async Task A_slow_write_is_stored_though_its_sender_gave_up()
    {
        await using var telegraf = await StartAsync();
        telegraf.QueueFaults(TelegrafFault.Slow);
        using var giveUp = new CancellationTokenSource();
        var slow = SendAsync(telegraf, HttpMethod.Post, "/api/v2/write", new StringContent(Good), cancellationToken: giveUp.Token);
        await HeldAsync(telegraf);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slow);
        Assert.Empty(telegraf.Points());

        using var guard = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (telegraf.Points().Count == 0)
        {
            guard.Token.ThrowIfCancellationRequested();
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }

        Assert.True(Clock.GetUtcNow() - Clock.Start >= telegraf.Settings.SlowBy);
    }

    [Fact]
    public async Task Chance_is_seeded_and_heals()
    {
        var first = await StatusesAsync(5);

        Assert.Equal(first, await StatusesAsync(5));
        Assert.NotEqual(first, await StatusesAsync(6));
        Assert.Equal([204, 429, 503], first.Distinct().Order());

        async Task<List<int>> StatusesAsync(int seed)
        {
            await using var telegraf = await StartAsync(new()
            {
                FaultSeed = seed,
                Faults = new Dictionary<TelegrafFault, double> { [TelegrafFault.Status429] = 0.3, [TelegrafFault.Status503] = 0.3 },
            });
            var statuses = new List<int>();
            for (var i = 0; i < 40; i++)
            {
                statuses.Add((await WriteAsync(telegraf, "/api/v2/write", Good)).Status);
            }

            telegraf.SetFaultProbabilities(new Dictionary<TelegrafFault, double>());
            for (var i = 0; i < 10; i++)
            {
                Assert.Equal(204, (await WriteAsync(telegraf, "/api/v2/write", Good)).Status);
            }

            return statuses;
        }
    }

    [Fact]
    public async Task Probabilities_above_one_are_refused() => await Assert.ThrowsAsync<ArgumentException>(() => StartAsync(new()
    {
        Faults = new Dictionary<TelegrafFault, double> { [TelegrafFault.Hang] = 0.6, [TelegrafFault.Slow] = 0.6 },
    }));

    [Fact]
    public async Task Faults_are_queued_over_http_too()
    {
        await using var telegraf = await StartAsync();

        Assert.Equal(204, (await WriteAsync(telegraf, "/_faults?kind=Status503&times=2", "")).Status);
        Assert.Equal(400, (await WriteAsync(telegraf, "/_faults?kind=nonsense", "")).Status);
        var statuses = new List<int>();
        for (var i = 0; i < 3; i++)
        {
            statuses.Add((await WriteAsync(telegraf, "/telegraf", Good)).Status);
        }

        Assert.Equal([503, 503, 204], statuses);
    }

    [Fact]
    public async Task Faults_that_wait_are_forgotten_on_demand()
    {
        await using var telegraf = await StartAsync();
        telegraf.QueueFaults(Enumerable.Repeat(TelegrafFault.Status503, 2));
        Assert.Equal(503, (await WriteAsync(telegraf, "/telegraf", Good)).Status);

        using var client = new HttpClient(new SocketsHttpHandler(), disposeHandler: true);
        using var forgotten = await client.DeleteAsync(new Uri(telegraf.Address, "/_faults"));

        Assert.Equal(204, (int)forgotten.StatusCode);
        Assert.Equal(204, (await WriteAsync(telegraf, "/telegraf", Good)).Status);
    }

    [Fact]
    public async Task A_closed_telegraf_refuses_connections_and_forgets_nothing()
    {
        await using var telegraf = await StartAsync();
        await WriteAsync(telegraf, "/api/v2/write", Good);
        var address = telegraf.Address;

        await telegraf.CloseAsync();
        await Assert.ThrowsAsync<HttpRequestException>(() => WriteAsync(telegraf, "/api/v2/write", Good));
        await telegraf.ReopenAsync();

        Assert.Equal(address, telegraf.Address);
        Assert.Equal(204, (await WriteAsync(telegraf, "/api/v2/write", "cpu,host=b value=1 1\n")).Status);
        Assert.Equal(2, telegraf.Points().Count);
        Assert.Equal(2, telegraf.Statistics.ByStatus[204]);
    }

    private static async Task HeldAsync(SimulatedTelegraf telegraf)
    {
        using var guard = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (telegraf.WritesHeld == 0)
        {
            guard.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
