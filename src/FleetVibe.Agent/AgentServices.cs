using Akka;
using Akka.Actor;
using Akka.Hosting;
using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Printing;
using FleetVibe.Agent.Sources.Nvml;
using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Agent.Spool;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Agent;

/// <summary>The room's door.</summary>
public static class AgentServices
{
    private const string Settings = """
        akka {
          coordinated-shutdown.run-by-clr-shutdown-hook = off
          coordinated-shutdown.exit-clr = off
          scheduler.tick-duration = 50ms
          log-dead-letters-during-shutdown = off
        }
        """;

    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(4);

    /// <summary>
    /// Runs an agent in this host: opens its spool (the start fails with what to do where it cannot), then a local
    /// actor system with the sources, the accumulator and the uplink. On stop it stores what is open. One agent a host.
    /// With <see cref="AgentSettings.Outlet"/> it prints its points instead of reporting, on stop those of open windows too,
    /// and collects when <see cref="AgentPrompts"/> says so, or by its own clock where that never does.
    /// </summary>
    public static IServiceCollection AddFleetVibeAgent(this IServiceCollection services, AgentSettings settings)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(settings);
        services.TryAddSingleton<NvmlThread>();
        services.AddSingleton<ProxyHost>();
        services.TryAddSingleton(provider =>
            provider.GetRequiredService<ProxyHost>().FactoryOver(SourceProps.CreateFactory(provider.GetRequiredService<NvmlThread>())));
        services.TryAddSingleton(Finders.Factory);
        services.AddSingleton<AgentControl>();
        services.AddSingleton<SpoolHost>();
        services.AddSingleton<AgentPrompts>();

        // Before Akka's own service, so that it starts earlier and stops later.
        services.AddHostedService(provider => provider.GetRequiredService<SpoolHost>());
        services.AddAkka("fleetvibe-agent", (akka, provider) => akka
            .ConfigureLoggers(loggers =>
            {
                loggers.ClearLoggers();
                loggers.AddLoggerFactory();
            })
            .AddHocon(Settings, HoconAddMode.Prepend)
            .WithActors((system, registry) => Start(system, registry, settings, provider)));

        // Behind Akka's, so that proxies stop while the actors can still store what was measured.
        return services.AddHostedService(provider => provider.GetRequiredService<ProxyHost>());
    }

    private static void Start(ActorSystem system, IActorRegistry registry, AgentSettings settings, IServiceProvider provider)
    {
        var agent = system.ActorOf(
            AgentActor.CreateProps(
                settings,
                provider.GetRequiredService<SpoolHost>().Spool,
                provider.GetRequiredService<SourceFactory>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<FinderFactory>()),
            "agent");
        registry.Register<AgentActor>(agent);
        provider.GetRequiredService<AgentPrompts>().Attach(agent);
        CoordinatedShutdown.Get(system).AddTask(CoordinatedShutdown.PhaseServiceStop, "store-open-windows", async () =>
        {
            await agent.Ask<AgentActor.AgentStopped>(AgentActor.StopAgent.Instance, StopPatience);
            return Done.Instance;
        });
    }
}

/// <summary>Holds the spool open as long as the host runs.</summary>
internal sealed class SpoolHost(AgentSettings settings, TimeProvider time, ILogger<SpoolHost> log) : IHostedService, IDisposable
{
    private SpoolWorker? _spool;

    internal SpoolWorker Spool => _spool ?? throw new InvalidOperationException("the spool is not open yet");

    public async Task StartAsync(CancellationToken cancellationToken) =>
        _spool = await SpoolWorker.OpenAsync(settings.DataDirectory, time, log);

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _spool?.Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _spool?.Dispose();
}
