using Akka.Actor;
using Akka.Actor.Internal;
using Akka.Cluster.Sharding;
using Akka.Hosting;
using Akka.Remote;
using Akka.Remote.Transport;
using FleetVibe.Aggregator;
using FleetVibe.Aggregator.Gateways;
using FleetVibe.Aggregator.Membership;
using FleetVibe.Aggregator.Sessions;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Cluster.Tests.Infrastructure;

/// <summary>One aggregator, wired as the product wires it, without its gRPC port.</summary>
internal sealed class Member : IAsyncDisposable
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);

    // The schemes of the adapters are a part of the addresses: the product's own seeds cannot say them, so members are told whom to join.
    private const string Adapters = """
        akka.cluster.seed-nodes = []
        akka.remote.dot-netty.tcp.applied-adapters = ["trttl","gremlin"]
        akka.cluster {
          failure-detector.acceptable-heartbeat-pause = 2s
          down-removal-margin = 1s
          split-brain-resolver {
            stable-after = 3s
            down-all-when-unstable = off
          }
        }
        """;

    private readonly IHost _host;

    private Member(string name, IHost host, MemberGateway gateway)
    {
        Name = name;
        _host = host;
        Gateway = gateway;
        System = host.Services.GetRequiredService<ActorSystem>();
        Cluster = Akka.Cluster.Cluster.Get(System);
        View = host.Services.GetRequiredService<ClusterView>();
    }

    public string Name { get; }

    public ActorSystem System { get; }

    public Akka.Cluster.Cluster Cluster { get; }

    public ClusterView View { get; }

    public MemberGateway Gateway { get; }

    public bool IsAlive => !System.WhenTerminated.IsCompleted;

    /// <summary>Cancelled when it begins to leave.</summary>
    public CancellationToken Leaving => _host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;

    /// <summary>Stands between the sessions and the region of the series; null for the region itself.</summary>
    public IActorRef? SeriesPath { get; set; }

    public IActorRef SeriesRegion => _host.Services.GetRequiredService<IActorRegistry>().Get<SeriesRegion>();

    public static async Task<Member> Start(string name, Store store, TimeProvider clock, string hocon)
    {
        var gateway = new MemberGateway(store);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.None));
        builder.Services.AddSingleton(clock);
        builder.Services.AddSingleton<IGateway>(gateway);
        builder.Services.AddSingleton(new AggregatorSettings
        {
            Listen = new ListenSettings { Address = ListenAddress.Ephemeral },
            Gateways = new PeerSettings { Addresses = [] },

            // As many as the cluster has; who they are is in no use here.
            Cluster = new ClusterSettings { Seeds = ["a:1", "b:1", "c:1"] },
            Name = name,
        });
        builder.Services.AddSingleton<AggregatorHandle>();
        builder.Services.AddSingleton<ClusterView>();
        builder.Services.AddSingleton<SessionContextSource>();
        builder.Services.AddAkka(ClusterNames.System, (akka, provider) =>
        {
            ClusterWiring.Configure(akka, provider);
            akka.AddHocon(Adapters, HoconAddMode.Prepend);
            akka.AddHocon(hocon, HoconAddMode.Prepend);
        });
        var host = builder.Build();
        await host.StartAsync();
        return new Member(name, host, gateway);
    }

    public async Task<SessionContext> SessionContext()
    {
        var context = await _host.Services.GetRequiredService<SessionContextSource>().Get(CancellationToken.None);
        return SeriesPath is { } path ? context with { Series = path } : context;
    }

    /// <summary>The series whose entities run here.</summary>
    public async Task<IReadOnlyList<SeriesKey>> Owned()
    {
        var state = await SeriesRegion.Ask<CurrentShardRegionState>(GetShardRegionState.Instance, AnswerWithin);
        return [.. state.Shards.SelectMany(shard => shard.EntityIds).Select(SeriesEntityId.Parse)];
    }

    /// <summary>Members whose region of the series is known to the coordinator.</summary>
    public async Task<int> RegionCount() =>
        (await SeriesRegion.Ask<CurrentRegions>(GetCurrentRegions.Instance, AnswerWithin)).Regions.Count;

    public async Task<bool> OwnsNode(string node)
    {
        var region = _host.Services.GetRequiredService<IActorRegistry>().Get<NodeRegion>();
        var state = await region.Ask<CurrentShardRegionState>(GetShardRegionState.Instance, AnswerWithin);
        return state.Shards.Any(shard => shard.EntityIds.Contains(node));
    }

    /// <summary>As a process that is killed: nothing is handed over, nobody is told.</summary>
    public void Crash() => ((ActorSystemImpl)System).Abort();

    /// <summary>As SIGTERM.</summary>
    public Task Leave() => _host.StopAsync();

    /// <summary>What this member sends to or gets from another is lost, or no more. Nothing where it is stopped by now.</summary>
    public async Task Throttle(Member other, ThrottleTransportAdapter.Direction direction, ThrottleMode mode)
    {
        try
        {
            await Transport.ManagementCommand(new SetThrottle(other.Cluster.SelfAddress, direction, mode));
        }
        catch (RemoteTransportException) when (Cluster.IsTerminated)
        {
            // It has no transport any more.
        }
    }

    /// <summary>A part of all that this member exchanges with another is lost.</summary>
    public Task Drop(Member other, double outbound, double inbound) => Transport.ManagementCommand(
        new FailureInjectorTransportAdapter.One(other.Cluster.SelfAddress, new FailureInjectorTransportAdapter.Drop(outbound, inbound)));

    public async ValueTask DisposeAsync()
    {
        if (IsAlive)
        {
            // Leaving in order takes its time, and nobody is there to see it.
            Crash();
        }

        await System.WhenTerminated;
        await _host.StopAsync();
        _host.Dispose();
    }

    private RemoteTransport Transport => ((IRemoteActorRefProvider)((ExtendedActorSystem)System).Provider).Transport;
}
