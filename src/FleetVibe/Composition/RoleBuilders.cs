using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace FleetVibe.Composition;

/// <summary>What is logged.</summary>
/// <param name="Level">Of the rooms.</param>
/// <param name="LibraryLevel">Of everything else.</param>
/// <param name="IsStopping">Whether the process stops its roles.</param>
internal sealed record LogRules(LogLevel Level, LogLevel LibraryLevel, Func<bool> IsStopping)
{
    /// <summary>Standard output belongs to points: lines go to standard error, as Telegraf reads them there.</summary>
    public bool ForTelegraf { get; init; }
}

/// <summary>Whether a host has started: until then its failure is reported by who starts it.</summary>
internal sealed class HostState
{
    private volatile bool _hasStarted;

    public bool HasStarted
    {
        get => _hasStarted;
        set => _hasStarted = value;
    }
}

/// <summary>
/// What every role's host has: nothing out of the surroundings (no files, no variables, no signals of its own), one way
/// to log, and a bound on how long it may take to stop.
/// </summary>
internal static class RoleBuilders
{
    public static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(10);

    public static WebApplicationBuilder CreateWebBuilder(string role, LogRules logs)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "fleetvibe" });
        builder.WebHost.UseKestrel();
        builder.Services.AddRouting();
        Apply(builder, role, logs);
        return builder;
    }

    public static HostApplicationBuilder CreateBuilder(string role, LogRules logs)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = "fleetvibe" });
        Apply(builder, role, logs);
        return builder;
    }

    private static void Apply(IHostApplicationBuilder builder, string role, LogRules logs)
    {
        builder.Services.TryAddSingleton(OffsetTimeProvider.FromEnvironment(Environment.GetEnvironmentVariable));
        builder.Logging.SetMinimumLevel(logs.Level);
        foreach (var library in new[] { "Microsoft", "Grpc", "System", "Polly" })
        {
            builder.Logging.AddFilter(library, logs.LibraryLevel);
        }

        var state = new HostState();
        builder.Services.AddSingleton(state);
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => level >= logs.LibraryLevel && state.HasStarted);

        // Readiness is asked for while a member joins; not to be ready yet is no error.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);

        // It warns that a port without TLS speaks no HTTP/2, which is what the page's port is meant to do.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Error);

        // Members that stop one after the other report each other as lost.
        builder.Logging.AddFilter("Akka", level => level >= logs.Level && !logs.IsStopping());
        builder.Logging.AddConsoleFormatter<LineFormatter, LineFormatterOptions>(options =>
            (options.Role, options.LibraryLevel, options.ForTelegraf) = (role, logs.LibraryLevel, logs.ForTelegraf));
        builder.Logging.AddConsole(console =>
        {
            console.FormatterName = LineFormatter.FormatterName;
            if (logs.ForTelegraf)
            {
                console.LogToStandardErrorThreshold = LogLevel.Trace;

                // Telegraf may stop reading it; collecting goes on.
                console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
            }
        });
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = ShutdownTimeout);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
    }

    /// <summary>Signals belong to the process, which stops its hosts in order.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
