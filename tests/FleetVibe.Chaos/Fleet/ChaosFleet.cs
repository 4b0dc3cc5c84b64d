using System.Net;
using FleetVibe.Chaos.Network;
using FleetVibe.Chaos.Processes;
using FleetVibe.Chaos.Schedule;
using FleetVibe.Chaos.Traffic;
using FleetVibe.Simulator.Nodes;

namespace FleetVibe.Chaos.Fleet;

/// <summary>The processes of a campaign, the proxies between them, and the disks under some.</summary>
internal sealed class ChaosFleet : IAsyncDisposable
{
    private const int Wave = 5;
    private const int GatewayDisk = 96;
    private const int AgentDisk = 24;

    private static readonly TimeSpan BetweenWaves = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(60);

    private readonly FleetSettings _settings;
    private readonly TimeProvider _time;
    private readonly Ports _ports;
    private readonly FleetFiles _files;
    private readonly Action<string, int> _ended;
    private readonly List<LinkProxy> _proxies = [];
    private readonly Dictionary<string, SmallDisk> _disks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Supervised> _processes = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _enginesMayServe = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ChaosFleet(FleetSettings settings, TimeProvider time, Action<string, int> ended)
    {
        (_settings, _time, _ended) = (settings, time, ended);
        _ports = new Ports(settings.Seed);
        _files = new FleetFiles(settings.Sub("etc"));
    }

    public LinkTable Links { get; } = new();

    public IReadOnlyDictionary<string, SmallDisk> Disks => _disks;

    /// <summary>Nodes whose requests are told by a log.</summary>
    public IReadOnlyList<NodePlan> LogNodes { get; private set; } = [];

    /// <summary>Nodes whose requests are told by an engine's page alone.</summary>
    public List<SimulatedNode> Engines { get; } = [];

    /// <summary>The server whose log several gateways share; null for one gateway.</summary>
    public SharedPostgres? Postgres { get; private set; }

    public FleetShape Shape { get; private set; } = null!;

    public FleetProbe Probe { get; private set; } = null!;

    public TelegrafProbe Telegraf { get; private set; } = null!;

    public Supervised this[string name] => _processes[name];

    /// <summary>Those of the product, in the order in which they start: the stand-in for Telegraf is not among them.</summary>
    public IEnumerable<Supervised> Processes => Shape.Gateways.Concat(Shape.Aggregators).Concat(Shape.Agents).Select(name => _processes[name]);

    /// <summary>Everything is made and nothing of the product started.</summary>
    /// <param name="ended">Told of each process that ended without being told to, with the exit code.</param>
    public static async Task<ChaosFleet> CreateAsync(FleetSettings settings, TimeProvider time, Action<string, int> ended)
    {
        var fleet = new ChaosFleet(settings, time, ended);
        try
        {
            await fleet.CreateAsync();
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>Engines serve nothing before: what an agent has not taken a first page of is its baseline, and in no window.</summary>
    public void LetEnginesServe() => _enginesMayServe.TrySetResult();

    public Task StartTelegrafAsync() => _processes[FleetSettings.Telegraf].StartAsync();

    /// <summary>Starts what is not up: gateways and aggregators together, agents in waves.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var process in Shape.Gateways.Concat(Shape.Aggregators))
        {
            await _processes[process].StartAsync();
        }

        foreach (var wave in Shape.Agents.Chunk(Wave))
        {
            await Task.Delay(BetweenWaves, _time, cancellationToken);
            foreach (var agent in wave)
            {
                await _processes[agent].StartAsync();
            }
        }
    }

    /// <summary>SIGTERM to all, agents first.</summary>
    /// <returns>Those that had to be killed.</returns>
    public async Task<IReadOnlyList<string>> StopAsync()
    {
        var stubborn = new List<string>();
        foreach (var tier in new[] { Shape.Agents, Shape.Aggregators, Shape.Gateways, [Shape.Telegraf] })
        {
            var stopped = await Task.WhenAll(tier.Select(async name => (name, await _processes[name].EndAsync(Signal.Terminate, StopWithin))));
            stubborn.AddRange(stopped.Where(s => !s.Item2).Select(s => s.name));
        }

        return stubborn;
    }

    /// <summary>Ends what still runs, and brings what lies on disks in memory into the run's folder.</summary>
    public async Task SaveDisksAsync()
    {
        await Task.WhenAll(_processes.Values.Select(process => process.EndAsync(Signal.Kill, StopWithin)));
        foreach (var (name, disk) in _disks)
        {
            disk.SaveTo(_settings.Sub($"disk-{name}"));
        }
    }

    public async ValueTask DisposeAsync()
    {
        Probe?.Dispose();
        Telegraf?.Dispose();
        await Task.WhenAll(_processes.Values.Select(process => process.DisposeAsync().AsTask()));
        foreach (var proxy in _proxies)
        {
            await proxy.DisposeAsync();
        }

        foreach (var engine in Engines)
        {
            await engine.DisposeAsync();
        }

        foreach (var disk in _disks.Values)
        {
            await disk.DisposeAsync();
        }

        Postgres?.Dispose();
        _ports.Dispose();
    }

    private async Task CreateAsync()
    {
        var agents = _settings.AgentNames;
        if (_settings.HasSharedStore)
        {
            Postgres = SharedPostgres.Start();
        }
        else
        {
            await MountAsync(_settings.GatewayNames[0], GatewayDisk);
        }

        foreach (var agent in agents.Skip(_settings.EngineNodes).Take(FleetSettings.AgentsOnSmallDisks))
        {
            await MountAsync(agent, AgentDisk);
        }

        Shape = new FleetShape(
            agents, _settings.AggregatorNames, _settings.GatewayNames, FleetSettings.Telegraf, [.. _disks.Keys.Order(StringComparer.Ordinal)],
            Postgres is null ? null : FleetSettings.Postgres, _settings.ClockIsOff);
        var telegraf = _ports.Next();
        var gateways = _settings.GatewayNames.ToDictionary(name => name, _ => _ports.Next(), StringComparer.Ordinal);
        Telegraf = new TelegrafProbe(telegraf);
        Add(FleetSettings.Telegraf, TimeSpan.Zero, "simulate", "telegraf", "--listen", $"127.0.0.1:{telegraf}", "--output", Path.Combine(_settings.Folder, "telegraf.lines"));
        var store = Postgres is null ? "" : _files.SharedStore(Postgres.ConnectionString);
        foreach (var (name, port) in gateways)
        {
            Run(name, _files.Gateway(name, DataOf(name), port, Proxy(name, FleetSettings.Telegraf, telegraf), store));
        }

        var aggregators = _settings.AggregatorNames.ToDictionary(name => name, _ => _ports.Next(), StringComparer.Ordinal);
        var cluster = _settings.AggregatorNames.ToDictionary(name => name, _ => _ports.Next(), StringComparer.Ordinal);
        var advertised = _settings.AggregatorNames.ToDictionary(name => name, name => Proxy(MemberAt, name, cluster[name]), StringComparer.Ordinal);
        foreach (var (name, port) in aggregators)
        {
            Run(name, _files.Aggregator(name, port, gateways.Select(g => Proxy(name, g.Key, g.Value)), cluster[name], advertised[name], advertised.Values));
        }

        Probe = new FleetProbe(aggregators.Values, gateways.Values, _time);
        LogNodes = [.. agents.Skip(_settings.EngineNodes).Select((name, i) => new NodePlan(
            name, FleetSettings.Models[i % FleetSettings.Models.Count], Path.Combine(_settings.Sub($"log-{name}"), "requests.jsonl"), OffsetOf(name)))];
        for (var i = 0; i < agents.Count; i++)
        {
            await AddAgentAsync(agents[i], i, aggregators);
        }
    }

    private async Task AddAgentAsync(string name, int index, Dictionary<string, int> aggregators)
    {
        // Each begins with another aggregator.
        var addresses = aggregators.Select(a => Proxy(name, a.Key, a.Value)).ToList();
        var first = index % addresses.Count;
        var order = addresses.Skip(first).Concat(addresses.Take(first));
        if (LogNodes.FirstOrDefault(plan => plan.Name == name) is { } plan)
        {
            Run(name, _files.LogAgent(name, DataOf(name), order, plan.LogPath, plan.Model, FleetTraffic.TaskName), OffsetOf(name));
            return;
        }

        var engine = await SimulatedNode.StartAsync(
            new SimulatedNodeSettings
            {
                Name = name, Seed = _settings.Seed + index, Directory = _settings.Sub($"engine-{name}"), Model = FleetSettings.EngineModel, Task = FleetTraffic.TaskName,
                RequestsPerSecond = 10, ExpectedReaders = ExpectedReaders.Metrics, StartAfter = _enginesMayServe.Task,
            },
            _time);
        Engines.Add(engine);
        Run(name, _files.EngineAgent(name, DataOf(name), order, engine, FleetSettings.EngineModel, FleetTraffic.TaskName));
    }

    private async Task MountAsync(string name, int mebibytes)
    {
        if (await SmallDisk.MountAsync(DataOf(name), mebibytes) is { } disk)
        {
            _disks.Add(name, disk);
        }
    }

    private int Proxy(string from, string to, int target) => Proxy((_, _) => from, to, target);

    private int Proxy(Func<IPEndPoint, int, string?> callerOf, string to, int target)
    {
        var proxy = new LinkProxy(Links, callerOf, to, target, _time, _ports.Next());
        _proxies.Add(proxy);
        return proxy.Port;
    }

    private string? MemberAt(IPEndPoint caller, int port) => ConnectionOwner.Find(
        caller, port, _settings.AggregatorNames.Select(name => (name, _processes[name].Pid)).Where(p => p.Pid is not null).Select(p => (p.name, p.Pid!.Value)));

    private string DataOf(string name) => _settings.Sub($"data-{name}");

    private TimeSpan OffsetOf(string agent) => agent == _settings.ClockIsOff ? FleetSettings.ClockOffset : TimeSpan.Zero;

    private void Run(string name, string config, TimeSpan clockOffset = default) => Add(name, clockOffset, "run", "--config", config);

    private void Add(string name, TimeSpan clockOffset, params string[] arguments) => _processes.Add(
        name,
        new Supervised(
            new ProcessPlan(name, Path.Combine(_settings.Sub("logs"), name + ".log"), _settings.Binary.Command(arguments), Binary.Environment(clockOffset)), _time, _ended));
}
