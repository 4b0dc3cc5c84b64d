using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Certificates;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>The sample files of deploy/, moved to loopback: other host names, ports and folders, and nothing else changed.</summary>
internal sealed class Deployment
{
    private static readonly string[] Tokens = ["agent", "gateway", "telegraf"];
    private static readonly string[] Places = ["agg-1:7071", "agg-2:7071", "agg-3:7071", "agg-1:7072", "agg-2:7072", "agg-3:7072", "gw-1:7073"];

    private readonly TemporaryFolder _folder;
    private readonly CertificateFiles _server;
    private readonly Dictionary<string, int> _ports;

    public Deployment(TemporaryFolder folder, SelfMadeAuthority authority)
    {
        _folder = folder;
        _server = authority.Issue("server");
        foreach (var name in Tokens)
        {
            folder.Write($"etc/{name}.token", $"{name}-{Guid.NewGuid():N}");
        }

        _ports = Places.ToDictionary(name => name, _ => InfluxServer.FreePort(), StringComparer.Ordinal);
    }

    public SimulatedTelegrafSettings TelegrafSettings => new()
    {
        CertFile = _server.CertFile, KeyFile = _server.KeyFile, Token = BearerToken.FromFile(Path.Combine(Etc, "telegraf.token")),
    };

    private string Etc => Path.Combine(_folder.Path, "etc");

    public string Gateway(SimulatedTelegraf telegraf) => Write(
        "gateway.toml", "gateway",
        text => text.Replace(":7073", $"127.0.0.1:{_ports["gw-1:7073"]}", StringComparison.Ordinal)
            .Replace("https://telegraf:8187", $"https://localhost:{telegraf.Address.Port}", StringComparison.Ordinal));

    public string Aggregator(int number) => Write(
        "aggregator.toml", $"agg-{number}",
        text => text.Replace("name = \"agg-1\"", $"name = \"agg-{number}\"", StringComparison.Ordinal)
            .Replace("listen = \":7071\"", $"listen = \"127.0.0.1:{_ports[$"agg-{number}:7071"]}\"", StringComparison.Ordinal)
            .Replace("listen = \":7072\"", $"listen = \"127.0.0.1:{_ports[$"agg-{number}:7072"]}\"", StringComparison.Ordinal)
            .Replace("advertise = \"agg-1:7072\"", $"advertise = \"agg-{number}:7072\"", StringComparison.Ordinal)
            .Replace("127.0.0.1:7070", "127.0.0.1:0", StringComparison.Ordinal));

    public string Agent(SimulatedNode node) => Write(
        "agent.toml", node.Settings.Name,
        text => text.Replace("# name = \"gpu-node-01\"", $"name = \"{node.Settings.Name}\"", StringComparison.Ordinal)
            .Replace("/var/log/vibethinker/requests.jsonl\"", $"{node.LogPath}\"\nstart_at = \"beginning\"", StringComparison.Ordinal)
            .Replace("https://127.0.0.1:8000/metrics", node.MetricsEndpoint.ToString(), StringComparison.Ordinal)
            .Replace("/etc/fleetvibe/model.token", node.TokenFile, StringComparison.Ordinal)
            .Replace("kind = \"nvidia_smi\"", $"kind = \"nvidia_smi\"\ncommand = \"{node.NvidiaSmi}\"", StringComparison.Ordinal));

    private string Write(string sample, string name, Func<string, string> move)
    {
        var text = move(File.ReadAllText(Path.Combine(Binary.Root, "deploy", sample)));
        foreach (var (place, port) in _ports)
        {
            text = text.Replace(place, $"localhost:{port}", StringComparison.Ordinal);
        }

        text = text.Replace("/etc/fleetvibe/server.pem", _server.CertFile, StringComparison.Ordinal)
            .Replace("/etc/fleetvibe/server.key", _server.KeyFile, StringComparison.Ordinal)
            .Replace("/etc/fleetvibe", Etc, StringComparison.Ordinal)
            .Replace("/var/lib/fleetvibe", _folder.Sub($"data-{name}"), StringComparison.Ordinal);
        return _folder.Write($"{name}.toml", text);
    }
}
