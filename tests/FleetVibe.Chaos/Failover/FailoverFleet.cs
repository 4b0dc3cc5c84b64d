using FleetVibe.Chaos.Fleet;
using FleetVibe.Chaos.Processes;
using FleetVibe.Chaos.Traffic;

namespace FleetVibe.Chaos.Failover;

/// <summary>Three members, a gateway and agents, linked without proxies.</summary>
internal sealed class FailoverFleet : IAsyncDisposable
{
    private const string Gateway = "gw-1";
    private const string Telegraf = "telegraf";
    private const int MemberCount = 3;

    private readonly string _folder = Directory.CreateTempSubdirectory("fleetvibe-failover-").FullName;
    private readonly FailoverSettings _settings;
    private readonly TimeProvider _time;
    private readonly FleetProbe _probe;
    private readonly FleetTraffic _traffic;
    private readonly List<Supervised> _all = [];
    private readonly Ports _ports;

    public FailoverFleet(FailoverSettings settings, TimeProvider time)
    {
        (_settings, _time) = (settings, time);
        _ports = new Ports(settings.Seed);
        var files = new FleetFiles(Sub("etc"));
        var (telegraf, gateway) = (_ports.Next(), _ports.Next());
        Add(Telegraf, "simulate", "telegraf", "--listen", $"127.0.0.1:{telegraf}", "--output", Path.Combine(_folder, "telegraf.lines"));
        Add(Gateway, "run", "--config", files.Gateway(Gateway, Sub(Gateway), gateway, telegraf));
        var names = Enumerable.Range(1, MemberCount).Select(i => $"agg-{i}").ToList();
        var cluster = names.ConvertAll(_ => _ports.Next());
        var listen = names.ConvertAll(_ => _ports.Next());
        Members = names.ConvertAll(name =>
        {
            var i = names.IndexOf(name);
            return Add(name, "run", "--config", files.Aggregator(name, listen[i], [gateway], cluster[i], cluster[i], cluster));
        });
        _probe = new FleetProbe(listen, [gateway], time);
        var nodes = Enumerable.Range(1, settings.Agents)
            .Select(i => new NodePlan($"agent-{i}", $"model-{i}", Path.Combine(Sub($"log-{i}"), "requests.jsonl"), TimeSpan.Zero)).ToList();
        for (var i = 0; i < nodes.Count; i++)
        {
            var first = i % listen.Count;
            var (name, order) = (nodes[i].Name, listen.Skip(first).Concat(listen.Take(first)));
            Add(name, "run", "--config", files.LogAgent(name, Sub($"data-{name}"), order, nodes[i].LogPath, nodes[i].Model, FleetTraffic.TaskName));
        }

        Models = nodes.ConvertAll(node => node.Model);
        _traffic = new FleetTraffic(settings.Seed, nodes, time);
        Commits = new CommitWatch(Sub(Gateway), time);
    }

    public IReadOnlyList<Supervised> Members { get; }

    /// <summary>One series for each agent.</summary>
    public IReadOnlyList<string> Models { get; }

    public CommitWatch Commits { get; }

    public async Task StartAsync()
    {
        foreach (var process in _all)
        {
            await process.StartAsync();
        }

        await _traffic.StartAsync();
        Commits.Start();
    }

    /// <summary>Every member runs and sees all of them.</summary>
    public Task<bool> IsWholeAsync(CancellationToken cancellationToken) => _probe.HasAllMembersAsync(MemberCount, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _traffic.DisposeAsync();
        await Commits.DisposeAsync();
        await Task.WhenAll(_all.Select(process => process.DisposeAsync().AsTask()));
        _probe.Dispose();
        _ports.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Supervised Add(string name, params string[] arguments)
    {
        var plan = new ProcessPlan(
            name, Path.Combine(_folder, name + ".log"), _settings.Binary.Command(arguments), Binary.Environment(TimeSpan.Zero));
        var process = new Supervised(plan, _time, (_, _) => { });
        _all.Add(process);
        return process;
    }

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
}
