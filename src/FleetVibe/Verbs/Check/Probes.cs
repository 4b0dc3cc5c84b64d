using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Probing;
using FleetVibe.Configuration;
using FleetVibe.Gateway.Delivery;
using FleetVibe.Gateway.Store;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Grpc.Core;

namespace FleetVibe.Verbs.Check;

/// <summary>Touches everything that a configuration would touch, once and all at the same time.</summary>
internal sealed class Probes(FleetVibeSettings settings, TimeProvider time)
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);

    public async Task<IReadOnlyList<ProbeResult>> RunAsync(CancellationToken cancellationToken)
    {
        List<Task<ProbeResult>> probes = [];
        if (settings.Agent is not null || settings.Gateway is { Postgres: null })
        {
            probes.Add(Task.FromResult(DataDirectory(settings.DataDirectory)));
        }

        if (settings.Agent is { } agent)
        {
            probes.AddRange(agent.Sources.Select(s => SourceAsync(s, cancellationToken)));
            probes.AddRange(agent.Aggregators.Addresses.Select(a => AggregatorAsync(a, agent.Aggregators, cancellationToken)));
        }

        if (settings.Aggregator is { } aggregator)
        {
            probes.AddRange(aggregator.Gateways.Addresses.Select(a => GatewayAsync(a, aggregator.Gateways, cancellationToken)));
        }

        if (settings.Gateway is { } gateway)
        {
            probes.Add(TelegrafAsync(gateway.Telegraf, cancellationToken));
            if (gateway.Postgres is { } postgres)
            {
                probes.Add(PostgresAsync(postgres));
            }
        }

        return await Task.WhenAll(probes);
    }

    internal static ProbeResult DataDirectory(string folder)
    {
        const string What = "data_dir";
        var existing = new DirectoryInfo(folder);
        while (!existing.Exists && existing.Parent is { } parent)
        {
            existing = parent;
        }

        try
        {
            var file = Path.Combine(existing.FullName, $".fleetvibe-check-{Guid.NewGuid():N}");
            File.WriteAllBytes(file, []);
            File.Delete(file);
            return new ProbeResult(What, folder, true, existing.FullName == Path.GetFullPath(folder) ? "can be written" : $"can be made in {existing.FullName}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new ProbeResult(What, folder, false, $"user {Environment.UserName} cannot write in {existing.FullName}: make {folder} and give it to that user, or set [node] data_dir");
        }
    }

    private async Task<ProbeResult> SourceAsync(SourceSettings source, CancellationToken cancellationToken)
    {
        var found = await SourceProbe.ProbeAsync(source, time, cancellationToken);
        return new ProbeResult(source.Kind, source.Target, found.Ok, found.Text) { Warnings = found.Warnings };
    }

    private async Task<ProbeResult> AggregatorAsync(Uri address, PeerSettings peer, CancellationToken cancellationToken)
    {
        try
        {
            using var channel = GrpcPeer.CreateChannel(address, peer);
            var reply = await new Ingest.IngestClient(GrpcPeer.CreateInvoker(channel, peer))
                .ProbeAsync(new ProbeRequest(), deadline: Deadline(), cancellationToken: cancellationToken);
            var members = $"{reply.MembersReachable} of {reply.MembersUp} members reachable";
            return reply.GatewayReachable
                ? new ProbeResult("aggregator", ProbeResult.Place(address), true, $"takes the token; {members}; it reaches a gateway")
                : new ProbeResult("aggregator", ProbeResult.Place(address), false, $"takes the token; {members}; but it reaches no gateway ({reply.GatewayError}): check that one, or gateways there");
        }
        catch (RpcException e)
        {
            return ProbeResult.Of("aggregator", address, e, "[agent] token_file");
        }
    }

    private async Task<ProbeResult> GatewayAsync(Uri address, PeerSettings peer, CancellationToken cancellationToken)
    {
        try
        {
            using var channel = GrpcPeer.CreateChannel(address, peer);
            var status = await new CommitLog.CommitLogClient(GrpcPeer.CreateInvoker(channel, peer))
                .GetStatusAsync(new GatewayStatusRequest(), deadline: Deadline(), cancellationToken: cancellationToken);
            var delivery = status.DeliveryError.Length == 0 ? status.DeliveryState : $"{status.DeliveryState}: {status.DeliveryError}";
            return new ProbeResult("gateway", ProbeResult.Place(address), true, $"takes the token; {status.Committed} requests committed, {status.PointsQueued} points queued, delivery {delivery}");
        }
        catch (RpcException e)
        {
            return ProbeResult.Of("gateway", address, e, "[aggregator] gateway_token_file");
        }
    }

    private async Task<ProbeResult> TelegrafAsync(Gateway.TelegrafSettings telegraf, CancellationToken cancellationToken)
    {
        var found = await TelegrafProbe.ProbeAsync(telegraf, time, cancellationToken);
        return new ProbeResult("telegraf", ProbeResult.Place(telegraf.Url), found.Ok, found.Text);
    }

    private static async Task<ProbeResult> PostgresAsync(Gateway.PostgresSettings postgres)
    {
        var (ok, text) = await PostgresProbe.ProbeAsync(postgres);
        return new ProbeResult("postgres", postgres.ConnectionFile, ok, text);
    }

    private DateTime Deadline() => (time.GetUtcNow() + AnswerWithin).UtcDateTime;
}
