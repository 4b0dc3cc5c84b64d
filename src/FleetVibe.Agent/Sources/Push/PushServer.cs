using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using Akka.Actor;
using FleetVibe.Agent.Sources.JsonLog;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace FleetVibe.Agent.Sources.Push;

/// <summary>
/// The socket of one push source. It is made under a name of its own and put in its place when its mode is set, so that nobody
/// connects before, and one that an earlier agent left behind is replaced.
/// </summary>
internal sealed class PushServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private PushServer(WebApplication app) => _app = app;

    /// <exception cref="IOException">The socket cannot be made; the message says why, and the cure.</exception>
    public static async Task<PushServer> StartAsync(PushSourceSettings settings, IActorRef source, CancellationToken stopped)
    {
        if (ProblemOf(settings.Socket) is { } problem)
        {
            throw new IOException(problem);
        }

        var unfinished = $"{settings.Socket}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
        var app = Build(unfinished, source);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(settings.Socket)!);
            await app.StartAsync(stopped);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(unfinished, settings.Mode);
            }

            stopped.ThrowIfCancellationRequested();
            File.Move(unfinished, settings.Socket, overwrite: true);
            return new PushServer(app);
        }
        catch (Exception e)
        {
            await app.DisposeAsync();
            if (e is UnauthorizedAccessException or SocketException or IOException)
            {
                throw new IOException($"{settings.Socket} cannot be made ({e.Message}): give the agent's user a folder to make it in (RuntimeDirectory= of its unit), or set socket", e);
            }

            throw;
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>Why the socket cannot stand there, whatever may be written; null where it can.</summary>
    internal static string? ProblemOf(string path) =>
        System.Text.Encoding.UTF8.GetByteCount(path) > PushSourceSettings.MaxPathBytes
            ? string.Create(CultureInfo.InvariantCulture, $"{path} is too long for a socket: at most {PushSourceSettings.MaxPathBytes} bytes are possible")
            : Directory.Exists(path) || (NativeFile.TryStat(path, out var stat, out _) && stat.IsRegular) ? $"{path} is there and is no socket: take it away, or set socket to another path"
            : null;

    private static WebApplication Build(string path, IActorRef source)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "fleetvibe" });
        builder.WebHost.UseKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.ListenUnixSocket(path, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddRouting();
        builder.Services.AddGrpc(options => options.MaxReceiveMessageSize = 4 << 20);
        builder.Services.AddSingleton(new CollectorsService(source));
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));
        var app = builder.Build();
        app.MapGrpcService<CollectorsService>();
        return app;
    }

    /// <summary>Signals belong to the process.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
