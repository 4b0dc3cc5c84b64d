using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Hosting;
using FleetVibe.Aggregator.Gateways;
using FleetVibe.Aggregator.Membership;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Aggregator.Tests.Membership;

[Collection(nameof(ThreeMembersTests))]
[CollectionDefinition(nameof(ThreeMembersTests), DisableParallelization = true)]
public sealed class ThreeMembersTests : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private readonly FakeGateway _gateway = new();
    private readonly TestAuthority _authority = new("fleet");
    private readonly List<WebApplication> _members = [];

    [Fact]
    public async Task Totals_stay_exact_while_the_owner_of_a_series_leaves()
    {
        await Until(() => _members.All(member => View(member).MembersUp == 3));
        await Until(async () => (await Task.WhenAll(_members.Select(Health))).All(status => status == HealthStatus.Healthy));
        Assert.All(_members, member => Assert.Equal(
            "akka.ssl.tcp", Akka.Cluster.Cluster.Get(member.Services.GetRequiredService<ActorSystem>()).SelfAddress.Protocol));
        var addresses = _members.Select(AddressOf).ToList();
        var agents = new[] { new TestAgent("a", addresses, first: 1), new TestAgent("b", addresses, first: 2) };
        using var stopping = new CancellationTokenSource();
        var running = agents.Select(agent => agent.Run(stopping.Token)).ToList();
        try
        {
            var sent = Report(agents);
            await Until(() => agents.All(agent => agent.IsDone));
            Assert.Equal(sent, Committed());

            var owner = await OwnerOf(Wire.Series);
            sent += Report(agents);
            await owner.StopAsync();
            _members.Remove(owner);
            sent += Report(agents);
            await Until(() => agents.All(agent => agent.IsDone));

            Assert.Equal(sent, Committed());
            Assert.All(agents, agent => Assert.Equal(0, agent.Refused));
            await Until(() => _members.All(member => View(member).MembersUp == 2));
            Assert.NotSame(owner, await OwnerOf(Wire.Series));
            Assert.Equal(["a", "b"], (await Explain(_members[0])).Window.Hosts.Order(StringComparer.Ordinal));
            await Until(async () => (await Ask(_members[0])) is { Members.Count: 2, Nodes.Count: 2, Series.Count: 1, Gateway: not null });
        }
        finally
        {
            await stopping.CancelAsync();
            await Task.WhenAll(running);
        }
    }

    public async Task InitializeAsync()
    {
        _members.Add(await StartMember("agg-1", []));
        string[] seeds = [await _members[0].Services.GetRequiredService<AggregatorHandle>().ClusterAddress];
        _members.Add(await StartMember("agg-2", seeds));
        _members.Add(await StartMember("agg-3", seeds));
    }

    public Task DisposeAsync() => Task.WhenAll(_members.Select(member => member.StopAsync()));

    public void Dispose() => _authority.Dispose();

    private static long Report(IEnumerable<TestAgent> agents)
    {
        var newest = WindowClock.StartOf(TimeProvider.System.GetUtcNow()) - 20;
        var sent = 0;
        foreach (var agent in agents)
        {
            // Live windows, late ones and back-fill.
            foreach (var age in new[] { 0, 10, 30, 70, 3600, 7200 })
            {
                for (var requests = 1; requests <= 3; requests++)
                {
                    agent.Report(newest - age, requests);
                    sent += requests;
                }
            }
        }

        return sent;
    }

    private long Committed() => _gateway.Look(model => model.Windows.Values.Sum(window => (long)window.Totals.Requests));

    private async Task<WebApplication> StartMember(string name, IReadOnlyList<string> seeds)
    {
        var (certificate, key) = _authority.Issue(name);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IGateway>(_gateway);
        builder.AddFleetVibeAggregator(new AggregatorSettings
        {
            Listen = new ListenSettings { Address = ListenAddress.Ephemeral },
            Gateways = new PeerSettings { Addresses = [] },
            Cluster = new ClusterSettings { Seeds = seeds, CertFile = certificate, KeyFile = key, CaFile = _authority.CaFile },
            Name = name,
        });
        var app = builder.Build();
        app.MapFleetVibeAggregator();
        await app.StartAsync();
        return app;
    }

    private async Task<WebApplication> OwnerOf(SeriesKey series)
    {
        var entity = SeriesEntityId.Of(series);
        WebApplication? owner = null;
        await Until(async () =>
        {
            foreach (var member in _members)
            {
                var region = member.Services.GetRequiredService<IActorRegistry>().Get<SeriesRegion>();
                var state = await region.Ask<CurrentShardRegionState>(GetShardRegionState.Instance, TimeSpan.FromSeconds(10));
                if (state.Shards.Any(shard => shard.EntityIds.Contains(entity)))
                {
                    owner = member;
                    return true;
                }
            }

            return false;
        });
        return owner!;
    }

    private static async Task<FleetSnapshot> Ask(WebApplication member)
    {
        var peer = new PeerSettings { Addresses = [AddressOf(member)] };
        using var channel = GrpcPeer.CreateChannel(peer.Addresses[0], peer);
        return await new FleetQuery.FleetQueryClient(channel).GetFleetAsync(new GetFleetRequest());
    }

    private async Task<ExplainWindowReply> Explain(WebApplication member)
    {
        var peer = new PeerSettings { Addresses = [AddressOf(member)] };
        using var channel = GrpcPeer.CreateChannel(peer.Addresses[0], peer);
        var start = _gateway.Look(model => model.Windows.Keys.First().Start);
        return await new FleetQuery.FleetQueryClient(channel).ExplainWindowAsync(new ExplainWindowRequest { Series = Wire.Series, At = start + 9 });
    }

    private static ClusterView View(WebApplication member) => member.Services.GetRequiredService<ClusterView>();

    private static async Task<HealthStatus> Health(WebApplication member) =>
        (await member.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Status;

    private static Uri AddressOf(WebApplication member) =>
        new(member.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    private static Task Until(Func<bool> condition) => Until(() => Task.FromResult(condition()));

    private static async Task Until(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            // Three real members settle on the real clock and tell nobody when they have: looked at again and again.
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, patience.Token);
        }
    }
}
