using System.Net;
using System.Net.Sockets;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Proxy;

namespace FleetVibe.Agent.Sources.Probing;

/// <summary>Whether the engine behind a proxy answers, which models it has, and whether the proxy's port is free.</summary>
internal static class ProxyProbe
{
    public static async Task<SourceProbeResult> ProbeAsync(
        ProxySourceSettings settings, TimeProvider time, SourceClientFactory createClient, CancellationToken cancellation)
    {
        using var client = createClient(EngineLook.At(settings), EngineLook.Wanted, time);
        var engine = EngineLook.Of(await client.FetchAsync(cancellation));
        if (engine.Error is { } error)
        {
            return SourceProbeResult.Failed(error, engine.Text);
        }

        var models = engine.Models.Count == 0 ? "it lists no models" : $"models {string.Join(", ", engine.Models)}";
        List<string> warnings = [];
        if (engine.WantsToken)
        {
            warnings.Add($"{settings.Target} wants a token: {(settings.Listen.Token is null && settings.Token is null ? "clients must send it, or set token_file" : "set token_file to one that it takes")}");
        }

        if (!IsFree(settings))
        {
            warnings.Add($"{settings.Listen.Address} is in use: by an agent that runs already, or by another program, and then the agent will not start; set listen to a free port");
        }

        return new SourceProbeResult(true, null, $"the engine at {settings.Target} answers; {(engine.WantsToken ? "its models are only shown with a token" : models)}; clients connect to {settings.Listen.Address}")
        {
            Models = settings.Model is { } model ? [model] : engine.Models,
            Warnings = warnings,
        };
    }

    private static bool IsFree(ProxySourceSettings settings)
    {
        try
        {
            using var listener = new TcpListener(settings.Listen.Address.Address ?? IPAddress.Any, settings.Listen.Address.Port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
