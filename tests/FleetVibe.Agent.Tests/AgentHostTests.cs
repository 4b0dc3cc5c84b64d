using System.Globalization;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Agent.Spool;
using FleetVibe.Agent.Tests.Sources.Http;
using FleetVibe.Agent.Tests.Sources.Proxy;
using FleetVibe.Agent.Tests.Uplink;
using FleetVibe.Protocol.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests;

/// <summary>The whole agent through its door, from a log on disk to an aggregator.</summary>
public sealed class AgentHostTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private readonly HashSet<ulong> _taken = [];

    public void Dispose() => _folder.Dispose();

    private async Task<IHost> StartAsync(FakeAggregator aggregator, params SourceSettings[] sources)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        builder.Services.AddFleetVibeAgent(Settings(sources) with
        {
            DataDirectory = Path.Combine(_folder.Path, "data"),
            Aggregators = aggregator.Peer(),
            Heartbeat = TimeSpan.FromSeconds(0.5),
        });
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    // A record whose acknowledgement came too late for the agent's stop is sent once more, under its number.
    private async Task<Dictionary<long, long>> TakeAsync(FakeSession session, int requests)
    {
        var windows = new Dictionary<long, long>();
        while (windows.Values.Sum() < requests)
        {
            var record = (await session.RecordsAsync(1)).Single();
            if (!_taken.Add(record.Seq))
            {
                await session.AckAsync([record.Seq]);
                continue;
            }

            var count = record.Content.Contributions.Sum(part => (long)part.Totals.Requests);
            windows[record.Content.WindowStart] = windows.GetValueOrDefault(record.Content.WindowStart) + count;
            await session.AckAsync([record.Seq]);
        }

        return windows;
    }

    [Fact]
    public async Task Lines_of_a_log_arrive_once_each_across_a_restart_of_the_agent()
    {
        var path = Path.Combine(_folder.Path, "requests.jsonl");
        string Line(int second) => string.Create(
            CultureInfo.InvariantCulture, $$"""{"timestamp":"{{At(second):yyyy-MM-ddTHH:mm:ss.fffZ}}","duration_ms":120,"status":"success","prompt_tokens":3,"completion_tokens":5}{{"\n"}}""");
        await File.WriteAllTextAsync(path, string.Concat(Enumerable.Range(0, 30).Select(Line)));
        var log = RequestLog with { Path = path, StartAt = StartAt.Beginning };
        await using var aggregator = await FakeAggregator.StartAsync();

        using (var host = await StartAsync(aggregator, log))
        {
            var windows = await TakeAsync(await aggregator.WelcomeAsync(), 30);
            Assert.Equal(new Dictionary<long, long> { [Start] = 10, [Start + 10] = 10, [Start + 20] = 10 }, windows.Where(window => window.Value > 0).ToDictionary());
            await host.StopAsync();
        }

        await File.AppendAllTextAsync(path, string.Concat(Enumerable.Range(30, 5).Select(Line)));
        using (var host = await StartAsync(aggregator, log))
        {
            var windows = await TakeAsync(await aggregator.WelcomeAsync(), 5);
            Assert.Equal(5, Assert.Single(windows, window => window.Value > 0).Value);
            var spool = host.Services.GetRequiredService<SpoolHost>().Spool;
            Assert.Equal(35, (await spool.RunAsync(store => store.Status)).Ledger.Seen);
            await host.StopAsync();
        }
    }

    [Fact]
    public async Task What_a_proxy_measured_last_is_stored_when_the_agent_stops()
    {
        await using var engine = await LoopbackServer.StartAsync(_ => Task.CompletedTask);
        await using var aggregator = await FakeAggregator.StartAsync();
        var proxy = TestProxy.Settings with { Endpoint = engine.Address, Model = "m", Task = "chat" };
        using (var host = await StartAsync(aggregator, proxy))
        {
            using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = host.Services.GetRequiredService<ProxyHost>().Addresses[proxy.Key] };
            for (var i = 0; i < 5; i++)
            {
                using var answer = await client.PostAsync("/v1/chat/completions", new StringContent("{}"));
                answer.EnsureSuccessStatusCode();
            }

            await host.StopAsync();
        }

        using (var host = await StartAsync(aggregator))
        {
            var spool = host.Services.GetRequiredService<SpoolHost>().Spool;
            Assert.Equal(5, (await spool.RunAsync(store => store.Status)).Ledger.Seen);
            await host.StopAsync();
        }
    }

    [Fact]
    public async Task A_second_agent_in_the_same_folder_does_not_start_and_says_why()
    {
        await using var aggregator = await FakeAggregator.StartAsync();
        using var first = await StartAsync(aggregator);
        var refusal = await Assert.ThrowsAsync<SpoolException>(() => StartAsync(aggregator));
        Assert.Contains("another agent", refusal.Message, StringComparison.Ordinal);
        await first.StopAsync();
    }
}
