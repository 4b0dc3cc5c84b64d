namespace FleetVibe.Tests.Configuration;

internal static class Samples
{
    public const string AllInOne = """
        [node]
        name = "gpu-node-01"
        data_dir = "/var/lib/fleetvibe"
        [[agent.sources]]
        kind = "json_log"
        path = "/var/log/vibethinker/requests.jsonl"
        start_at = "beginning"
        model = "vibethinker-1.5b"
        task = "algorithm_reasoning"
        [[agent.sources]]
        kind = "vllm"
        endpoint = "https://127.0.0.1:8000/metrics"
        token_file = "/etc/fleetvibe/model.token"
        ca_file = "/etc/fleetvibe/ca.pem"
        model = "vibethinker-1.5b"
        task = "algorithm_reasoning"
        [[agent.sources]]
        kind = "nvidia_smi"
        [aggregator]
        [gateway.telegraf]
        url = "http://127.0.0.1:8187"
        dialect = "influxdb_v2"
        token_file = "/etc/fleetvibe/telegraf.token"
        """;

    /// <summary>An agent with a peer; what follows begins on line 3.</summary>
    public static string Agent(string rest) => "[agent]\naggregators = [\"http://127.0.0.1:7071\"]\n" + rest;

    /// <summary>A gateway on loopback; what follows, in [gateway.telegraf], begins on line 5.</summary>
    public static string Telegraf(string rest) => "[gateway]\nlisten = \"127.0.0.1:7073\"\n[gateway.telegraf]\nurl = \"http://127.0.0.1:8187\"\n" + rest;
}
