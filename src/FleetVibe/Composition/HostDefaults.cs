using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace FleetVibe.Composition;

/// <summary>
/// What every role's host has: nothing out of the surroundings (no files, no variables, no signals of its own), one way
/// to log, and a bound on how long it may take to stop.
/// </summary>
internal static class HostDefaults
{
    public static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(10);

    public static WebApplicationBuilder CreateWebBuilder(LogLevel level)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "fleetvibe" });
        builder.WebHost.UseKestrel();
        builder.Services.AddRouting();
        Apply(builder, level);
        return builder;
    }

    public static HostApplicationBuilder CreateBuilder(LogLevel level)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = "fleetvibe" });
        Apply(builder, level);
        return builder;
    }

    private static void Apply(IHostApplicationBuilder builder, LogLevel level)
    {
        builder.Logging.SetMinimumLevel(level);
        foreach (var library in new[] { "Microsoft", "Grpc", "Akka", "System", "Polly" })
        {
            builder.Logging.AddFilter(library, LogLevel.Warning);
        }

        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.ColorBehavior = LoggerColorBehavior.Disabled;
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
