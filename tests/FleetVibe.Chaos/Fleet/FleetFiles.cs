using FleetVibe.Simulator.Nodes;

namespace FleetVibe.Chaos.Fleet;

/// <summary>The configuration of each process. Everything is on loopback and plain, and every address but its own is a proxy's.</summary>
internal sealed class FleetFiles(string folder)
{
    public string Gateway(string name, string data, int listen, int telegraf, string store = "") => Write(name, $"""
        [node]
        name = "{name}"
        data_dir = "{data}"
        [gateway]
        listen = "127.0.0.1:{listen}"
        {store}
        [gateway.telegraf]
        url = "http://127.0.0.1:{telegraf}"
        """);

    /// <summary>What a gateway says of the log that it shares.</summary>
    public string SharedStore(string connectionString)
    {
        var path = Path.Combine(folder, "postgres.connection");
        File.WriteAllText(path, connectionString);
        return $"""
            store = "postgres"
            connection_file = "{path}"
            """;
    }

    public string Aggregator(string name, int listen, IEnumerable<int> gateways, int cluster, int advertise, IEnumerable<int> seeds) => Write(name, $"""
        [node]
        name = "{name}"
        [aggregator]
        listen = "127.0.0.1:{listen}"
        gateways = [{Urls(gateways)}]
        [aggregator.cluster]
        listen = "127.0.0.1:{cluster}"
        advertise = "127.0.0.1:{advertise}"
        seeds = [{string.Join(", ", seeds.Select(port => $"\"127.0.0.1:{port}\""))}]
        [dashboard]
        listen = "127.0.0.1:0"
        """);

    public string LogAgent(string name, string data, IEnumerable<int> aggregators, string log, string model, string task) => Agent(name, data, aggregators, $"""
        kind = "json_log"
        path = "{log}"
        start_at = "beginning"
        model = "{model}"
        task = "{task}"
        """);

    public string EngineAgent(string name, string data, IEnumerable<int> aggregators, SimulatedNode engine, string model, string task) => Agent(name, data, aggregators, $"""
        kind = "vllm"
        endpoint = "{engine.MetricsEndpoint}"
        token_file = "{engine.TokenFile}"
        ca_file = "{engine.CaFile}"
        model = "{model}"
        task = "{task}"
        """);

    private string Agent(string name, string data, IEnumerable<int> aggregators, string source) => Write(name, $"""
        [node]
        name = "{name}"
        data_dir = "{data}"
        [agent]
        aggregators = [{Urls(aggregators)}]
        [[agent.sources]]
        {source}
        """);

    private static string Urls(IEnumerable<int> ports) => string.Join(", ", ports.Select(port => $"\"http://127.0.0.1:{port}\""));

    private string Write(string name, string text)
    {
        var path = Path.Combine(folder, name + ".toml");
        File.WriteAllText(path, text);
        return path;
    }
}
