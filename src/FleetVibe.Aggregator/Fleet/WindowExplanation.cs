using FleetVibe.Aggregator.Gateways;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;
using Grpc.Core;

namespace FleetVibe.Aggregator.Fleet;

/// <summary>One committed window as the gateway's log holds it: whoever asks needs this member's address and token only.</summary>
internal static class WindowExplanation
{
    // Beyond it no window can be named in nanoseconds.
    private const long LastMoment = long.MaxValue / 1_000_000_000;

    /// <exception cref="RpcException">INVALID_ARGUMENT, NOT_FOUND where nothing is committed, UNAVAILABLE with the gateway's error.</exception>
    public static async Task<ExplainWindowReply> Ask(IGateway gateway, ExplainWindowRequest request, string aggregator)
    {
        var key = KeyOf(request);
        var window = await Load(gateway, key);
        if (window.Revision == 0)
        {
            throw new RpcException(new Status(StatusCode.NotFound, NothingOf(window)));
        }

        return new ExplainWindowReply
        {
            Window = window,
            MissingHosts = { window.ExpectedHosts.Except(HostsOf(window), StringComparer.Ordinal).Order(StringComparer.Ordinal) },
            Aggregator = aggregator,
        };
    }

    internal static WindowKey KeyOf(ExplainWindowRequest request)
    {
        if (request.Series is not { Model.Length: > 0 })
        {
            throw Invalid("series.model is missing");
        }

        if (!WindowLevels.IsKnown(request.Level))
        {
            throw Invalid($"window level {request.Level} is not known");
        }

        return request.At >= WindowLevels.SecondsOf(request.Level) && request.At < LastMoment
            ? new WindowKey { Series = request.Series, Level = request.Level, Start = WindowLevels.StartOf(request.Level, request.At) }
            : throw Invalid($"{request.At} is no moment of a window: unix seconds are needed");
    }

    private static async Task<WindowState> Load(IGateway gateway, WindowKey key)
    {
        try
        {
            return await gateway.LoadWindow(new LoadWindowRequest { Key = key, WithHistory = true });
        }
        catch (Exception e)
        {
            throw new RpcException(new Status(
                StatusCode.Unavailable, $"the gateway: {(e is RpcException rpc ? $"{rpc.StatusCode}: {rpc.Status.Detail}" : e.Message)}"));
        }
    }

    // A gateway of an earlier release does not list the hosts.
    private static IEnumerable<string> HostsOf(WindowState window) => window.Hosts.Concat(window.Contributors.Select(c => c.Record.Node));

    private static string NothingOf(WindowState window)
    {
        var refused = window.Refused.Count == 0 ? "" : $"; {window.Refused.Count} parts of it were refused";
        var horizon = window.Key.Start < window.Horizon ? $"; windows before {DateTimeOffset.FromUnixTimeSeconds(window.Horizon):yyyy-MM-ddTHH:mm:ssZ} are not kept" : "";
        return $"nothing is committed of the window that starts at {window.Key.Start}{refused}{horizon}";
    }

    private static RpcException Invalid(string text) => new(new Status(StatusCode.InvalidArgument, text));
}
