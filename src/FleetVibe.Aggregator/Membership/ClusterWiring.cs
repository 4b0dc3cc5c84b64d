using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Cluster.Hosting.SBR;
using Akka.Cluster.Sharding;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Hosting;
using Akka.Remote.Hosting;
using FleetVibe.Aggregator.Fleet;
using FleetVibe.Aggregator.Gateways;
using FleetVibe.Aggregator.Nodes;
using FleetVibe.Aggregator.Series;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ClusterExtension = Akka.Cluster.Cluster;
using LogLevel = Akka.Event.LogLevel;

namespace FleetVibe.Aggregator.Membership;

/// <summary>One member's actor system: remoting, cluster, regions, fleet view.</summary>
internal static class ClusterWiring
{
    public static void Configure(AkkaConfigurationBuilder akka, IServiceProvider services)
    {
        var settings = services.GetRequiredService<AggregatorSettings>();
        var cluster = settings.Cluster;
        var tls = ClusterTls.Load(cluster);
        if (tls is null && !cluster.Listen.IsLoopback)
        {
            services.GetRequiredService<ILoggerFactory>().CreateLogger("FleetVibe.Aggregator").LogWarning(
                "aggregator.cluster.insecure = true: whoever reaches {Listen} can read and change everything in this cluster", cluster.Listen);
        }

        akka.ConfigureLoggers(loggers =>
        {
            loggers.ClearLoggers();
            loggers.AddLoggerFactory();
            loggers.LogLevel = LogLevel.InfoLevel;
        });
        akka.WithRemoting(RemoteOf(cluster, tls));
        akka.WithClustering(new ClusterOptions
        {
            Roles = [ClusterNames.Role],
            SeedNodes = [.. cluster.Seeds.Select(seed => $"{Scheme(tls)}://{ClusterNames.System}@{seed}")],
            SplitBrainResolver = new KeepMajorityOption { Role = ClusterNames.Role },
        });
        akka.AddHocon(ClusterHocon.Text(cluster.Seeds.Count), HoconAddMode.Prepend);
        akka.WithCustomSerializer("fleetvibe", ClusterMessageSerializer.MessageTypes, system => new ClusterMessageSerializer(system));
        akka.WithDistributedPubSub(ClusterNames.Role);
        WithRegions(akka, settings, services.GetRequiredService<IGateway>(), services.GetRequiredService<TimeProvider>());
        akka.WithActors((system, registry) => registry.Register<FleetViewActor>(system.ActorOf(
            Props.Create(() => new FleetViewActor(
                settings, services.GetRequiredService<IGateway>(), new ClusterView(system), services.GetRequiredService<TimeProvider>())),
            "fleet-view")));
        akka.AddStartup((system, _) =>
        {
            var member = ClusterExtension.Get(system);
            if (cluster.Seeds.Count == 0)
            {
                member.Join(member.SelfAddress);
            }
            else
            {
                Func<IEnumerable<MemberView>> members = new ClusterView(system).Views;
                system.ActorOf(
                    Props.Create(() => new StrayActor(cluster.Seeds, members, services.GetRequiredService<TimeProvider>())), "stray-watch");
            }

            services.GetRequiredService<AggregatorHandle>().Started(new ClusterView(system).Address);
        });
    }

    private static void WithRegions(AkkaConfigurationBuilder akka, AggregatorSettings settings, IGateway gateway, TimeProvider time)
    {
        var seriesRules = SeriesRules.From(settings);
        akka.WithShardRegion<SeriesRegion>(
            ClusterNames.SeriesRegion,
            (system, _, _) =>
            {
                var publish = Publisher(system);
                return id => Props.Create(() => new SeriesEntity(id, seriesRules, gateway, time, publish));
            },
            new SeriesExtractor(),
            RegionOptions());
        akka.WithShardRegion<NodeRegion>(
            ClusterNames.NodeRegion,
            (system, _, _) =>
            {
                var publish = Publisher(system);
                return id => Props.Create(() => new NodeEntity(id, settings.Unreachable, gateway, time, publish));
            },
            new NodeExtractor(),
            RegionOptions());
    }

    private static Action<object> Publisher(ActorSystem system)
    {
        var mediator = DistributedPubSub.Get(system).Mediator;
        return message => mediator.Tell(new Publish(ClusterNames.FleetTopic, message));
    }

    private static ShardOptions RegionOptions() => new()
    {
        Role = ClusterNames.Role,
        StateStoreMode = StateStoreMode.DData,
        RememberEntities = false,
        ShouldPassivateIdleEntities = false,
        HandOffStopMessage = StopEntity.Instance,
    };

    private static RemoteOptions RemoteOf(ClusterSettings settings, ClusterTls? tls)
    {
        var (host, port) = Advertised(settings);
        var options = new RemoteOptions
        {
            HostName = settings.Listen.Address?.ToString() ?? "0.0.0.0",
            Port = settings.Listen.Port,
            PublicHostName = host,
            PublicPort = port,
        };
        if (tls is not null)
        {
            options.EnableSsl = true;
            options.Ssl = new SslOptions
            {
                X509Certificate = tls.Certificate,
                RequireMutualAuthentication = true,
                SuppressValidation = false,
                CustomValidator = (certificate, _, _, _, _) => certificate is not null && tls.IsTrusted(certificate),
            };
        }

        return options;
    }

    private static (string Host, int? Port) Advertised(ClusterSettings settings)
    {
        if (settings.Advertise is { } advertise)
        {
            var colon = advertise.LastIndexOf(':');
            return colon > 0 && int.TryParse(advertise.AsSpan(colon + 1), out var port) && port is > 0 and <= 65535
                ? (advertise[..colon], port)
                : throw new InvalidOperationException($"aggregator.cluster.advertise = \"{advertise}\" is not host:port");
        }

        // 0: whatever port the system gives is the public one too.
        return settings.Listen.Address is { } address
            ? (address.ToString(), null)
            : throw new InvalidOperationException(
                $"aggregator.cluster.listen = \"{settings.Listen}\" listens on every address: advertise = \"host:port\" must say which one the other members use");
    }

    private static string Scheme(ClusterTls? tls) => tls is null ? "akka.tcp" : "akka.ssl.tcp";
}
