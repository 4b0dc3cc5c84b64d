using FleetVibe.Agent;
using FleetVibe.Agent.Sources;
using FleetVibe.Aggregator;
using FleetVibe.Composition;
using FleetVibe.Dashboard;
using FleetVibe.Gateway;
using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Certificates;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Telegraf;
using FleetVibe.Simulator.Traffic;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Verbs.Demo;

/// <summary>
/// The parts of the demo, all in this process and each a host of its own: simulated nodes and Telegraf, a gateway, three
/// aggregators in one cluster, an agent a node, the page. Its files are temporary.
/// </summary>
internal sealed class DemoFleet : IAsyncDisposable
{
    private const int Aggregators = 3;
    private const string Model = "vibethinker-1.5b";
    private const string Task = "algorithm_reasoning";

    // Traffic waits for the first scrape, and the page for the first heartbeat: a watcher should not wait for both at full length.
    private static readonly TimeSpan Lively = TimeSpan.FromSeconds(1);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fleetvibe-demo-");
    private readonly RoleStack _stack;
    private readonly RoleHosts _hosts;
    private readonly BearerToken _agentToken = BearerToken.Random();
    private readonly DemoOptions _options;
    private readonly TextWriter _output;
    private readonly TaskCompletionSource _mayStart = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TruthWriter? _truth;
    private SelfMadeAuthority? _authority;

    private DemoFleet(DemoOptions options, TextWriter output, TextWriter error)
    {
        _options = options;
        _output = output;
        _stack = new RoleStack(error);
        _hosts = new RoleHosts(new LogRules(LogLevel.Warning, LogLevel.Error, () => _stack.IsStopping));
    }

    public IReadOnlyList<SimulatedNode> Nodes { get; private set; } = [];

    /// <summary>Null where points go to a sink of the user's.</summary>
    public SimulatedTelegraf? Telegraf { get; private set; }

    public PeerSettings Gateway { get; private set; } = null!;

    /// <summary>All members, under one token.</summary>
    public PeerSettings AggregatorPeers { get; private set; } = null!;

    public Uri Page { get; private set; } = null!;

    public string TruthPath => _truth!.Path;

    /// <summary>
    /// Lets the requests begin, once every agent has its first page: what an engine served before a first look is a
    /// baseline, and the truth would hold more than anybody could have counted.
    /// </summary>
    public void AllowTraffic() => _mayStart.TrySetResult();

    /// <summary>The first role that ended without being told to.</summary>
    public Task<string> Ended => _stack.Ended;

    /// <exception cref="RoleStartException">A part could not start.</exception>
    public static async Task<DemoFleet> StartAsync(DemoOptions options, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        var fleet = new DemoFleet(options, output, error);
        try
        {
            await fleet.StartAsync(cancellationToken);
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stack.StopAsync();
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }

        if (Telegraf is not null)
        {
            await Telegraf.DisposeAsync();
        }

        if (_truth is not null)
        {
            // Writers of several processes share a truth file by it; here all have gone.
            _truth.Dispose();
            File.Delete(_truth.Path + ".lock");
        }

        _authority?.Dispose();
        try
        {
            _folder.Delete(recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await _output.WriteLineAsync($"{_folder.FullName} could not be deleted: {e.Message}");
        }
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        OpenTruth();
        _authority = SelfMadeAuthority.OpenOrCreate(Path.Combine(_folder.FullName, "authority"), TimeProvider.System);
        var nodes = System.Threading.Tasks.Task.WhenAll(Enumerable.Range(1, _options.Nodes).Select(i => StartNodeAsync(i, cancellationToken)));
        var first = StartAggregatorsAsync(await StartGatewayAsync(cancellationToken), cancellationToken);
        Nodes = await nodes;
        AggregatorPeers = await first;
        var agents = Nodes.Select((node, i) => StartAgentAsync(node, i, cancellationToken));
        await System.Threading.Tasks.Task.WhenAll([.. agents, StartPageAsync(cancellationToken)]);
        await _output.WriteLineAsync($"demo        {Nodes.Count} nodes, {Aggregators} aggregators, 1 gateway, points to {(Telegraf is null ? _options.Sink!.Url : "a simulated Telegraf")}");
        await _output.WriteLineAsync($"truth       {TruthPath}");
        await _output.WriteLineAsync($"ask         fleetvibe ledger --aggregator {AggregatorPeers.Addresses[0].ToString().TrimEnd('/')} --token-file {WriteToken()}");
    }

    private void OpenTruth()
    {
        var path = Path.GetFullPath(_options.TruthPath ?? Path.Combine(_folder.FullName, "truth.jsonl"));
        try
        {
            File.Delete(path);
            _truth = new TruthWriter(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RoleStartException("demo", $"{path} cannot be written: {e.Message}", e);
        }
    }

    // For the verbs that ask a running fleet; only this user may read the folder.
    private string WriteToken()
    {
        var path = Path.Combine(_folder.FullName, "aggregator.token");
        File.WriteAllText(path, _agentToken.Current);
        return path;
    }

    private Task<SimulatedNode> StartNodeAsync(int number, CancellationToken cancellationToken) => SimulatedNode.StartAsync(
        new SimulatedNodeSettings
        {
            Name = $"gpu-node-{number:00}",
            Seed = _options.Seed,
            Directory = Path.Combine(_folder.FullName, $"gpu-node-{number:00}"),
            Authority = _authority,
            Truth = _truth,
            ExpectedReaders = ExpectedReaders.Metrics,
            StartAfter = _mayStart.Task,
            Model = Model,
            Task = Task,
            Latency = LatencyProfile.All[(number - 1) % LatencyProfile.All.Count],
        },
        TimeProvider.System, cancellationToken);

    private async Task<PeerSettings> StartGatewayAsync(CancellationToken cancellationToken)
    {
        if (_options.Sink is null)
        {
            Telegraf = await SimulatedTelegraf.StartAsync(new SimulatedTelegrafSettings { Token = BearerToken.Random() }, TimeProvider.System, cancellationToken);
        }

        var settings = new GatewaySettings
        {
            Listen = Loopback(BearerToken.Random()),
            DataDirectory = Path.Combine(_folder.FullName, "gateway"),
            Telegraf = _options.Sink ?? new TelegrafSettings { Url = Telegraf!.Address, Token = Telegraf.Settings.Token },
        };
        var door = new LocalDoor(settings.Listen);
        Gateway = door.PeerOf(await _stack.StartAsync("gateway", role => _hosts.Gateway(role, settings, door), cancellationToken));
        return Gateway;
    }

    // The first member founds the cluster; its address is the seed of the others.
    private async Task<PeerSettings> StartAggregatorsAsync(PeerSettings gateway, CancellationToken cancellationToken)
    {
        var (first, host) = await StartAggregatorAsync(1, gateway, new ClusterSettings(), cancellationToken);
        var seed = await host.Services.GetRequiredService<AggregatorHandle>().ClusterAddress.WaitAsync(cancellationToken);
        var others = await System.Threading.Tasks.Task.WhenAll(Enumerable.Range(2, Aggregators - 1)
            .Select(i => StartAggregatorAsync(i, gateway, new ClusterSettings { Seeds = [seed] }, cancellationToken)));
        return first with { Addresses = [.. first.Addresses, .. others.SelectMany(o => o.Peer.Addresses)] };
    }

    private async Task<(PeerSettings Peer, IHost Host)> StartAggregatorAsync(int number, PeerSettings gateway, ClusterSettings cluster, CancellationToken cancellationToken)
    {
        var settings = new AggregatorSettings { Name = $"aggregator-{number}", Listen = Loopback(_agentToken), Gateways = gateway, Cluster = cluster };
        var door = new LocalDoor(settings.Listen);
        var host = await _stack.StartAsync(settings.Name, role => _hosts.Aggregator(role, settings, door), cancellationToken);
        await AggregatorStart.UntilReadyAsync(host, cancellationToken);
        return (door.PeerOf(host), host);
    }

    private Task<IHost> StartAgentAsync(SimulatedNode node, int index, CancellationToken cancellationToken)
    {
        // Each begins with another member.
        IReadOnlyList<Uri> all = AggregatorPeers.Addresses;
        var turned = all.Select((_, i) => all[(i + index) % all.Count]).ToList();
        var settings = new AgentSettings
        {
            Node = node.Settings.Name,
            DataDirectory = Path.Combine(node.Folder, "agent"),
            Aggregators = AggregatorPeers with { Addresses = turned },
            Heartbeat = Lively,
            Sources =
            [
                new JsonLogSourceSettings { Path = node.LogPath, StartAt = StartAt.Beginning, Model = Model, Task = Task },
                new VllmSourceSettings
                {
                    Endpoint = node.MetricsEndpoint, Token = BearerToken.FromFile(node.TokenFile), CaFile = node.CaFile, Model = Model, Task = Task, Interval = Lively,
                },
                new NvidiaSmiSourceSettings { Command = node.NvidiaSmi },
            ],
        };
        return _stack.StartAsync(settings.Node, role => _hosts.Agent(role, settings), cancellationToken);
    }

    private async Task StartPageAsync(CancellationToken cancellationToken)
    {
        var settings = new DashboardSettings
        {
            Listen = new ListenSettings { Address = _options.Listen ?? new ListenAddress(System.Net.IPAddress.Loopback, 7070) },
            Aggregators = AggregatorPeers,
        };
        Page = await new PageStart(_hosts, _stack, _output).StartAsync(settings, _options.Listen is null, cancellationToken);
    }

    private static ListenSettings Loopback(BearerToken token) => new() { Address = ListenAddress.Ephemeral, Token = token };
}
