namespace FleetVibe.Tests.Configuration;

/// <summary>Every mistake at once, each with its place and its cure.</summary>
public class MistakeTests
{
    [Fact]
    public void Five_mistakes_are_five_findings_with_place_and_cure()
    {
        var loaded = Loading.Load("""
            [agent]
            intervall = "10s"
            grace = true
            [[agent.sources]]
            kind = "vlm"
            [aggregator]
            lateness = "1 minute"
            [gateway]
            listen = "7073"
            [gateway.telegraf]
            url = "http://127.0.0.1:8187"
            """);

        Assert.Null(loaded.Settings);
        Assert.Equal(
            """
            fleetvibe.toml:2:1: error: unknown key "intervall" in [agent]: did you mean "interval"?
            fleetvibe.toml:3:9: error: grace = true is a boolean, not a duration such as "3s"
            fleetvibe.toml:5:8: error: kind = "vlm" is no kind of source that is known: did you mean "vllm"? valid are json_log, proxy, vllm, sglang, lmdeploy, trtllm, tgi, tei, llamacpp, triton, litellm, nim, mindie, localai, starlette_exporter, fastapi_instrumentator, prometheus, auto, vibethinker, nvidia_smi, nvml, dcgm, rocm_smi, amd_smi, xpu_smi, intel_gpu_top, tegrastats, kernel, exec, push
            fleetvibe.toml:7:12: error: lateness = "1 minute" is not a duration: write a number with ms, s, m, h or d, such as "250ms", "10s", "72h"; a bare number is seconds
            fleetvibe.toml:9:10: error: listen = "7073" is no address to listen on: write ":7071" for every address of this machine, or one of its IP addresses with a port such as "127.0.0.1:7071"
            """,
            Loading.Text(loaded));
    }

    [Theory]
    [InlineData("[[agent.sources]]\nkind = \"vllm\"\n[aggregator]\n[gateway.telegraf]\nurl = \"http://127.0.0.1:1\"",
        "fleetvibe.toml:1:1: error: [[agent.sources]] of kind vllm needs endpoint, e.g. endpoint = \"https://127.0.0.1:8000/metrics\"")]
    [InlineData("[gateway]\nstore = \"postgres\"\nlisten = \"127.0.0.1:0\"\n[gateway.telegraf]\nurl = \"http://127.0.0.1:1\"",
        "fleetvibe.toml:2:9: error: store = \"postgres\" needs connection_file: a file that holds the connection string")]
    [InlineData("[gateway]\nconnection_file = \"/x\"\nlisten = \"127.0.0.1:0\"\n[gateway.telegraf]\nurl = \"http://127.0.0.1:1\"",
        "fleetvibe.toml:2:19: error: connection_file belongs to store postgres, not to sqlite: take it out, or change the store")]
    [InlineData("[gateway]\nstore = \"postgres\"\nconnection_file = \"/x\"\nstore_max_bytes = \"1GiB\"\nlisten = \"127.0.0.1:0\"\n[gateway.telegraf]\nurl = \"http://127.0.0.1:1\"",
        "fleetvibe.toml:4:19: error: store_max_bytes belongs to store sqlite, not to postgres: take it out, or change the store")]
    [InlineData("[gateway]\nstore = \"postgre\"\nlisten = \"127.0.0.1:0\"\n[gateway.telegraf]\nurl = \"http://127.0.0.1:1\"",
        "fleetvibe.toml:2:9: error: store = \"postgre\" is no store that is known: did you mean \"postgres\"? valid are sqlite, postgres")]
    [InlineData("[gateway]\nlisten = \"127.0.0.1:0\"", "fleetvibe.toml:1:1: error: [gateway] needs [gateway.telegraf] with url, e.g. url = \"http://127.0.0.1:8187\"")]
    [InlineData("[gateway]\nlisten = \"127.0.0.1:0\"\n[gateway.telegraf]\nurl = \"http://127.0.0.1:1\"\ndialect = \"influx\"",
        "fleetvibe.toml:5:11: error: dialect = \"influx\" is no dialect that is known: valid are influxdb_v2, influxdb_v1, http_listener_v2")]
    [InlineData("[gateway]\nlisten = \"127.0.0.1:0\"\n[gateway.telegraf]\nurl = \"http://127.0.0.1:1\"\ndatabase = \"x\"",
        "fleetvibe.toml:5:12: error: database belongs to dialect influxdb_v1, not to influxdb_v2: take it out, or change the dialect")]
    [InlineData("[gateway.telegraf]\nurl = \"http://127.0.0.1:1\"",
        "fleetvibe.toml:1:1: error: [gateway] listens on :7073, which other machines can reach, so it needs cert_file and token_file; or listen on 127.0.0.1, or set insecure = true")]
    [InlineData("[gateway]\nlisten = \"127.0.0.1:0\"\n[gateway.telegraf]\nurl = \"http://telegraf:8187\"\ntoken = \"${T}\"",
        "fleetvibe.toml:4:7: error: url is plain http to another machine, where its token or password could be read: use https, or set insecure = true")]
    [InlineData("[gateway]\nlisten = \"127.0.0.1:0\"\n[gateway.telegraf]\nurl = \"http://127.0.0.1:8187/api/v2/write\"",
        "fleetvibe.toml:4:7: error: url = \"http://127.0.0.1:8187/api/v2/write\" has a path: write host and port alone, \"http://127.0.0.1:8187\"; the path is added")]
    [InlineData("[gateway]\nlisten = \"127.0.0.1:0\"\nflush = 1\n[gateway.telegraf]\nurl = \"http://127.0.0.1:1\"",
        "fleetvibe.toml:3:1: error: unknown key \"flush\" in [gateway]: it belongs into [gateway.telegraf]")]
    [InlineData("[agent.sources]\nkind = \"nvidia_smi\"", "fleetvibe.toml:1:1: error: [agent.sources] must be written with two brackets, [[agent.sources]]: there can be several")]
    [InlineData("[[gateway]]\nlisten = \":1\"", "fleetvibe.toml:1:1: error: [[gateway]] must be written with one bracket, [gateway]: there is only one")]
    [InlineData("[agent]\naggregators = \"https://a:1\"", "fleetvibe.toml:2:15: error: aggregators is a list: write it in brackets, aggregators = [\"https://a:1\"]")]
    [InlineData("[agent]\naggregators = [\"https://a:1\"]\n[[agent.sources]]\nkind = \"nvidia_smi\"",
        "fleetvibe.toml:2:1: error: [agent] needs token_file, the token for aggregators; or set insecure = true")]
    [InlineData("[agent]\naggregators = [\"http://127.0.0.1:1\"]", "fleetvibe.toml:1:1: error: the agent has no source: add [[agent.sources]] with a kind, e.g. kind = \"json_log\" and a path")]
    [InlineData("[dashboard]\nlisten = \"127.0.0.1:1\"\n[[inputs.vibe_thinker]]\nendpoint = \"http://127.0.0.1:1\"\n[agent]\naggregators = [\"http://127.0.0.1:1\"]",
        "fleetvibe.toml:1:1: error: [dashboard] shows what an aggregator knows, so it needs [aggregator] in the same file")]
    [InlineData("[agent]\naggregators = [\"http://127.0.0.1:1\"]\n[[agent.sources]]\nkind = \"prometheus\"\nendpoint = \"http://127.0.0.1:1\"\nmodel = \"m\"\nfamilies = { kv_cache_percent = \"kv ms\" }",
        "fleetvibe.toml:7:1: error: families.kv_cache_percent = \"kv ms\" has the unit ms: the cache is a ratio or percent")]
    [InlineData("[agent]\naggregators = [\"http://127.0.0.1:1\"]\n[[agent.sources]]\nkind = \"prometheus\"\nendpoint = \"http://127.0.0.1:1\"\nmodel = \"m\"\nfamilies = { request = \"a\" }",
        "fleetvibe.toml:7:24: error: unknown name \"request\" in families: did you mean \"requests\"?")]
    [InlineData("[agent]\naggregators = [\"http://127.0.0.1:1\"]\n[[agent.sources]]\nkind = \"localai\"\nendpoint = \"http://127.0.0.1:1\"",
        "fleetvibe.toml:3:1: error: [[agent.sources]] of kind localai needs model, e.g. model = \"qwen3-4b\": its page does not name the model")]
    [InlineData("[agent]\naggregators = [\"http://127.0.0.1:1\"]\n[[agent.sources]]\nkind = \"vllm\"\nendpoint = \"http://127.0.0.1:1/metrics\"\n[[agent.sources]]\nkind = \"auto\"\nendpoint = \"http://127.0.0.1:1/metrics\"",
        "fleetvibe.toml:6:1: error: 127.0.0.1:1/metrics is read by the source at fleetvibe.toml:3:1 already: two would count each request twice, so take one out, or set counts = false")]
    [InlineData("[node]\nname = \"a\"", "fleetvibe.toml: error: no role is configured: add [[agent.sources]] for a GPU node, [aggregator], or [gateway] with [gateway.telegraf]")]
    public void A_mistake_is_one_finding_with_its_cure(string text, string expected) =>
        Assert.Contains(expected, Loading.Text(Loading.Load(text), errorsOnly: true).Split('\n'));

    [Fact]
    public void Two_sources_of_one_target_are_told_to_take_names()
    {
        var loaded = Loading.Load(Samples.Agent("""
            [[agent.sources]]
            kind = "json_log"
            path = "/a/requests.jsonl"
            [[agent.sources]]
            kind = "json_log"
            path = "/b/requests.jsonl"
            """));

        Assert.Equal(
            "fleetvibe.toml:6:1: error: two sources of kind json_log have the same target requests.jsonl (the other is at fleetvibe.toml:3:1): give one of them a name",
            Loading.Text(loaded));
    }

    [Fact]
    public void One_log_under_two_names_would_count_twice()
    {
        var loaded = Loading.Load(Samples.Agent("""
            [[agent.sources]]
            kind = "json_log"
            name = "a"
            path = "/a/requests.jsonl"
            [[agent.sources]]
            kind = "json_log"
            name = "b"
            path = "/b/../a/requests.jsonl"
            """));

        Assert.Equal(
            "fleetvibe.toml:7:1: error: /a/requests.jsonl is read by the source at fleetvibe.toml:3:1 already: two would count each request twice, so take one out",
            Loading.Text(loaded));
    }

    [Theory]
    [InlineData("format = \"uvicorn\"", "3:1: error: [[agent.sources]] with format = \"uvicorn\" needs model, e.g. model = \"qwen3-4b\": its lines do not name the model")]
    [InlineData("format = \"nginx_jsn\"", "6:10: error: format = \"nginx_jsn\" is no format of a log that is known: did you mean \"nginx_json\"? valid are json, nginx_json, litellm, uvicorn, tgi, vllm_stats")]
    [InlineData("envelope = \"podman\"", "6:12: error: envelope = \"podman\" is no envelope that is known: valid are auto, none, docker, cri")]
    [InlineData("only_paths = [\"/v1/*\"]", "6:1: error: only_paths needs lines that name a path, and those of format = \"json\" do not: set fields.path, or take it out")]
    [InlineData("variant_limit = 0", "6:17: error: variant_limit = 0 is not an integer from 1 to 1000")]
    [InlineData("format = \"vllm_stats\"\nmodel = \"m\"\n[agent.sources.fields]\nvariant = \"x\"", "9:11: error: fields.variant is for lines of JSON, and those of format = \"vllm_stats\" have no fields: take it out")]
    public void A_log_whose_keys_do_not_fit_its_format_is_refused(string keys, string expected)
    {
        var text = Loading.Text(Loading.Load(Samples.Agent($"""
            [[agent.sources]]
            kind = "json_log"
            path = "/a/requests.jsonl"
            {keys}
            """)));

        Assert.Equal("fleetvibe.toml:" + expected, text);
    }

    [Fact]
    public void Requests_and_statistics_may_come_out_of_one_log()
    {
        var loaded = Loading.Load(Samples.Agent("""
            [[agent.sources]]
            kind = "json_log"
            path = "/var/log/containers/vllm-*.log"
            name = "requests"
            format = "uvicorn"
            model = "m"
            [[agent.sources]]
            kind = "json_log"
            path = "/var/log/containers/vllm-*.log"
            name = "statistics"
            format = "vllm_stats"
            model = "m"
            """));

        Assert.Equal("", Loading.Text(loaded));
    }

    [Fact]
    public void What_is_no_TOML_is_reported_beside_the_other_mistakes()
    {
        var text = Loading.Text(Loading.Load("[agent]\nheartbeet = 1\ngrace =\ninterval = \"x\"\n"));

        Assert.Contains("fleetvibe.toml:2:1: error: unknown key \"heartbeet\" in [agent]: did you mean \"heartbeat\"?", text, StringComparison.Ordinal);
        Assert.Contains("fleetvibe.toml:3:8: error: this is not TOML: ", text, StringComparison.Ordinal);
        Assert.Contains("fleetvibe.toml:4:12: error: interval = \"x\" is not a duration", text, StringComparison.Ordinal);
        Assert.DoesNotContain("needs", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_written_twice_is_a_mistake() =>
        Assert.Contains("fleetvibe.toml:4:1: error: ", Loading.Text(Loading.Load(Samples.Agent("grace = 1\ngrace = 2\n[[agent.sources]]\nkind = \"nvidia_smi\""))), StringComparison.Ordinal);

    [Fact]
    public void A_file_that_is_not_there_is_named_with_its_place()
    {
        var loaded = Loading.Load("""
            [gateway]
            listen = "127.0.0.1:0"
            token_file = "/nowhere/accept.token"
            cert_file = "/nowhere/server.pem"
            [gateway.telegraf]
            url = "http://127.0.0.1:8187"
            """, checkFiles: true);

        Assert.Equal(
            """
            fleetvibe.toml:3:14: error: token_file = "/nowhere/accept.token" does not exist: create the file, or correct the path
            fleetvibe.toml:4:13: error: cert_file = "/nowhere/server.pem" does not exist: create the file, or correct the path
            """,
            Loading.Text(loaded));
    }

    [Fact]
    public void Credentials_in_an_address_are_refused_and_not_repeated()
    {
        var text = Loading.Text(Loading.Load(Samples.Agent("[[agent.sources]]\nkind = \"vllm\"\nendpoint = \"https://user:hunter2@10.0.0.1:8000/metrics\"")));

        Assert.Contains("holds a user or a password", text, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Lists_without_end_in_each_other_are_named_with_their_place() =>
        Assert.Contains("fleetvibe.toml:2:72: error: this is not TOML: lists or tables stand more than 64 deep in each other", Loading.Text(Loading.Load("[node]\nname = " + new string('[', 200)), errorsOnly: true), StringComparison.Ordinal);

    [Fact]
    public void A_text_that_ends_within_an_escape_is_named_with_its_line() =>
        Assert.Contains("fleetvibe.toml:2:1: error: this is not TOML: the text ends within a string, after \\u", Loading.Text(Loading.Load("[node]\nname = \"\\u"), errorsOnly: true), StringComparison.Ordinal);
}
