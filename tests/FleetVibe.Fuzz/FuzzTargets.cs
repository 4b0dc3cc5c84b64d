using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.JsonLog;
using FleetVibe.Agent.Sources.JsonLog.Formats;
using FleetVibe.Agent.Sources.Kernel;
using FleetVibe.Agent.Sources.NvidiaSmi;
using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Agent.Sources.Reading;
using FleetVibe.Configuration;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.Exposition.Strict;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Fuzz;

/// <summary>Everything that reads what others wrote.</summary>
internal static class FuzzTargets
{
    private const long Many = 10_000_000;
    private const long Some = 100_000;

    private static readonly string[] Pages =
    [
        "# HELP vllm:num_requests_running Running.\n# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{engine=\"0\",model_name=\"m\"} 3.0\n",
        "# TYPE x histogram\nx_bucket{le=\"0.5\",m=\"a\\\\b\\\"c\\n\"} 1.0\nx_bucket{le=\"+Inf\",m=\"a\"} 2 1700000000000\nx_sum 1e3\nx_count 2\n",
        "vllm:e2e_request_latency_seconds_bucket{le=\"0.3\",model_name=\"m\"} 1.0\nvllm:e2e_request_latency_seconds_count{model_name=\"m\"} 2.0\nvllm:prompt_tokens_total{model_name=\"m\"} 12345678901234567890\n",
        "{\"q.name\",l=\"v\"} NaN\n{l=\"v\",\"q.name\"} -Inf\n", "# TYPE \"q.name\" summary\n{\"q.name\",quantile=\"0.5\"} 1\n",
        "a_total 1 1.5 # {trace_id=\"a\"} 0.5 1.5\n", "x {count:24,sum:100,schema:0,positive_spans:[0:2,1:2]}\n", "# TYPE i info\ni_info{v=\"1\"} 1\n# TYPE s stateset\ns{s=\"on\"} 1\n",
        "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1\n", "# EOF\n", "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\",modelName=\"L4\"} 99\nDCGM_FI_DEV_FB_USED{gpu=\"0\",UUID=\"GPU-1\"} 2147483632\n",
        "process_start_time_seconds 1.7e9\nvllm:request_success_total{finished_reason=\"stop\",model_name=\"m\"} 2.0\n",
    ];

    private static readonly string[] PageTokens = ["{", "}", "\"", "\\", ",", "=", "#", " ", "\t", "# TYPE ", "# HELP ", "# EOF", "le=\"", "NaN", "-nan(ind)", "+Inf", "1e400", "{count:", "_bucket", "_total"];

    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("exposition", Many, Pages, PageTokens, () => Exposition),
        new("json_log", Many,
            [
                "{\"timestamp\":\"2026-11-24T08:00:00.123Z\",\"prompt_tokens\":211,\"completion_tokens\":9120,\"duration_ms\":45210,\"status\":\"stop\",\"model\":\"m\"}",
                "{\"timestamp\":1764000000.25,\"duration_ms\":\"12.5\",\"status\":200,\"model\":\"\\u00fc\\ud83e\\udd80\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":null}}",
                "{\"timestamp\":\"2025-11-24 06:00:04,123\",\"task\":{\"a\":[1,2,{}]},\"duration_ms\":-1,\"model\":7}", "{\"timestamp\":\"2025-11-24T06:00:60+23:59\",\"model\":\"m\",\"status\":{}}",
            ],
            ["{", "}", "\"", "\\", ":", ",", "[", "]", "null", "true", "1e400", "-0", "99999999999999999999", "\\ud800", "\\u0000", "\"model\":", "\"timestamp\":", "9999-12-31T23:59:60-23:59", "0001-01-01T00:00:00+23:59"],
            JsonLog) { MaxParts = 1 },
        new("envelopes", Some,
            [
                "{\"log\":\"{\\\"timestamp\\\":1764000000.25,\\\"model\\\":\\\"m\\\"}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-24T08:00:00.123456789Z\"}\n",
                "{\"log\":\"{\\\"timestamp\\\":1764000000.25,\",\"stream\":\"stderr\",\"attrs\":{\"a\":[1]},\"time\":\"2026-11-24T08:00:00Z\"}\n", "{\"log\":\"\\\"model\\\":\\\"m\\\"}\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-24T08:00:00Z\"}\n",
                "2026-11-24T08:00:00.123456789+00:00 stdout F INFO:     127.0.0.1:58312 - \"POST /generate HTTP/1.1\" 200 OK\n", "2026-11-24T08:00:00.123456789+00:00 stdout P INFO 11-24 08:00:04 [loggers.py:118] Engine 000: Avg prompt throughput: 1.0 tokens/s, \n",
                "2026-11-24T08:00:00.123456789+00:00 stdout F Running: 4 reqs, Waiting: 0 reqs, GPU KV cache usage: 12.3%\n", "2026-11-24T08:00:00Z stderr F:tag {\"startTime\":1763964000.0,\"endTime\":1763964004.5,\"model\":\"m\",\"request_time\":\"1m5s, 0.1\",\"span\":{\"total_time\":\"4\u00b5s\"}}\n",
                "\u001b[32mINFO\u001b[0m: 10.0.0.1:1 - \"\u001b[1mPOST /x HTTP/1.1\u001b[0m\" \u001b[31m500\u001b[0m\n", "24/Nov/2026:06:00:01 +0000 2026/11/24 - 06:00:01\n",
            ],
            ["{\"log\":\"", "\\n\"", "\",\"stream\":\"", "\"}", "stdout", " P ", " F ", "\\ud800", "\u001b[", " - \"", "Running: ", "KV cache usage: ", "1e400", "-1", "11-24 08:00:04"],
            () => Envelopes),
        new("line_protocol", Many,
            [
                "cpu,host=a value=1i 1\n", "m\\ x,a\\,b=c\\=d f=\"s \\\" \\\\ t\",g=-1.5e3,h=t,i=5u -42\r\n", "# comment\n", "\n", "vibe v=1", "cü,t=世 v=\"é\" 9223372036854775807\n", "x v=\"a\nb\" 1\n",
            ],
            ["\\", "\"", ",", "=", " ", "#", "i", "u", "true", "-", "e", ".", "9223372036854775808", "\t"],
            () => static input => LineProtocolReader.Read(input).Points.Count),
        new("page", Some, [.. Pages, "{\"requests\": 12, \"input_tokens\": 5, \"output_tokens\": NaN, \"response_time_ms\": 4.5}"], [.. PageTokens, "\":", "Infinity", "[", "null"], () => Page),
        new("nvidia_smi", Some,
            [
                "index, uuid, utilization.gpu [%], memory.used [MiB], temperature.gpu, clocks_event_reasons.active, name\n", "0, GPU-1, 97, 10240, 71, 0x0000000000000044, NVIDIA A, B\n",
                "1, GPU-2, [N/A], [Not Supported], 71 %, 0xffffffffffffffffff, NVIDIA\n", "Unable to determine the device handle for GPU 0000:01:00.0: Unknown Error\n", "uuid, index, memory.total [GiB]\nGPU-3, 4294967296, 1e300\n",
            ],
            [", ", ",", "[", "]", "[N/A]", "0x", "index", "uuid", " ", "-1", "NaN"],
            () => static input => GpuTableReading.Read(input, DateTimeOffset.UnixEpoch).Gpus.Count),
        new("gpu_xml", Some,
            [
                "<?xml version=\"1.0\" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n<nvidia_smi_log><gpu id=\"0\"><product_name>A</product_name><uuid>GPU-1</uuid><mig_devices><mig_device><gpu_instance_id>1</gpu_instance_id><compute_instance_id>0</compute_instance_id><fb_memory_usage><total>40448 MiB</total><used>N/A</used></fb_memory_usage></mig_device></mig_devices><processes><process_info><pid>7</pid><process_name>x</process_name><used_memory>12 MiB</used_memory></process_info></processes></gpu></nvidia_smi_log>",
            ],
            ["<", ">", "</", "<gpu>", "<![CDATA[", "<!--", "&lt;", "&a;", "<!ENTITY a \"b\">", "MiB", "N/A", "1e999", "-1", "\"", "<mig_device>"],
            () => static input => GpuXml.Read(Encoding.UTF8.GetString(input), DateTimeOffset.UnixEpoch)?.Boards.Count ?? 0) { MaxParts = 1 },
        new("gpu_tools", Some,
            [
                "{\"card0\": {\"Unique ID\": \"0x1\", \"GPU use (%)\": \"12\", \"VRAM Total Memory (B)\": \"34342961152\", \"sclk clock speed:\": \"(300Mhz)\", \"PCI Bus\": \"0000:83:00.0\"}}\n",
                "[{\"gpu\": 0, \"usage\": {\"gfx_activity\": {\"value\": 37, \"unit\": \"%\"}}, \"mem_usage\": {\"used_vram\": {\"value\": 2048}}, \"ecc\": {\"total_correctable_count\": 2}}]\n",
                "Timestamp, DeviceId, GPU Utilization (%), GPU Memory Used (MiB)\n21:23:00.000,    0, 99.00, 28.00\n", "{\n\"power\": {\"GPU\": 3.0},\n\"engines\": {\n\"Render/3D/0\": {\"busy\": 50.0}\n}\n},\n",
                "RAM 3423/7620MB (lfb 78x4MB) GR3D_FREQ 0%@[305,305] gpu@46.468C VDD_IN 3200mW/3311mW\n", "gpu_uuid, pid, process_name, used_gpu_memory [MiB]\nGPU-1, 11, /opt/a, b/python, 512\n",
                "6,1234,98765432,-;NVRM: Xid (PCI:0000:9b:00): 79, pid=1, fell\n SUBSYSTEM=pci\n",
            ],
            ["{", "}", "[", "]", "\"", ",", ", ", ":", "N/A", "null", "-1", "1e400", "99999999999999999999", "GPU use (%)", "value", "\n", "%@[", "Xid (", ")"],
            () => GpuTools) { MaxParts = 3 },
        new("answer", Some,
            [
                "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n", "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":17,\"completion_tokens\":9}}\n\n", "data: [DONE]\n\n", "event: x\r\nid: 1\r: c\n\n",
                "{\"model\":\"m\",\"response\":\"a\",\"done\":false}\n", "{\"model\":\"m\",\"done\":true,\"done_reason\":\"stop\",\"eval_count\":4}\n",
                "data: {\"content\":\"a\",\"stop\":true,\"stop_type\":\"limit\",\"tokens_predicted\":1,\"timings\":{\"prompt_n\":1,\"predicted_n\":2}}\n\n",
            ],
            ["data:", "data: ", "\n", "\r", "\n\n", "{", "}", "[", "]", "\"", "\\", ":", ",", "null", "\\ud800", "1e400", "\"usage\":", "\ufeff"],
            () => Answer),
        new("toml", Some,
            [
                "[[agent.sources]]\nkind = \"json_log\"\npath = \"/var/log/requests.jsonl\"\nmodel = \"m\"\n", "[[agent.sources]]\nkind = \"vllm\"\nendpoint = \"https://127.0.0.1:8000/metrics\"\ninterval = \"10s\"\n",
                "[[agent.sources]]\nkind = \"nvidia_smi\"\n[aggregator]\n[gateway.telegraf]\nurl = \"http://127.0.0.1:8187\"\ntoken_file = \"/etc/telegraf.token\"\n", "[aggregator]\nlisten = \":7071\"\n", "[gateway.telegraf]\nurl = \"http://127.0.0.1:8187\"\ndialect = 'influxdb_v2'\n", "[node]\nname = \"a\"\n",
                "[[inputs.vibe_thinker]]\n  endpoint = \"https://gpu:8080/metrics\"\n  interval = 15\n  [inputs.vibe_thinker.headers]\n    Authorization = \"Bearer x\"\n",
            ],
            ["[", "]", "[[", "]]", "=", "\"", "\"\"\"", "'", "{", "}", ",", ".", "#", "${A}", "${", "1e999", "9999999999999999999999", "1979-05-27T07:32:00Z", "\\u", "true"],
            () => Toml),
    ];

    private static int Exposition(byte[] input)
    {
        var reader = new ExpositionReader(input, Filter);
        while (reader.Read())
        {
            _ = reader.GetLabel("model_name"u8);
        }

        var all = new ExpositionReader(input, null);
        while (all.Read())
        {
            _ = all.GetLabel("m"u8);
        }

        _ = StrictExposition.FirstFault(input, ExpositionFormat.Text);
        _ = StrictExposition.FirstFault(input, ExpositionFormat.OpenMetrics);
        return all.Samples;
    }

    private static int Answer(byte[] input)
    {
        var found = 0L;
        foreach (var framing in Enum.GetValues<AnswerFraming>())
        {
            var meter = new AnswerMeter(framing);
            var request = new RequestModel();
            foreach (var piece in input.Chunk(7))
            {
                meter.Feed(piece, 1);
                request.Feed(piece);
            }

            meter.Complete();
            found += meter.ContentPieces + Math.Sign(meter.InputTokens);
        }

        return (int)found;
    }

    private static FamilyFilter Filter { get; } = new("x", "vllm:num_requests_running", "vllm_e2e_request_latency_seconds", "vllm:prompt_tokens", "q.name");

    private static FuzzRead JsonLog()
    {
        var parser = new LogLineParser(new JsonLogSourceSettings { Path = "", Fields = new LogFields { InputTokens = "usage.prompt_tokens" } });
        return input => input.Length > 0 && parser.Read(input, default).Verdict == LineVerdict.Request ? 1 : 0;
    }

    private static int Envelopes(byte[] input)
    {
        var found = RequestLogReading.Look(input, format: null, DateTimeOffset.UnixEpoch).Read;
        foreach (var format in LogFormats.Names)
        {
            foreach (var envelope in Enum.GetValues<LogEnvelope>())
            {
                found += RequestLogReading.Read(input, new JsonLogSourceSettings { Path = "", Format = format, Envelope = envelope, MaxLineBytes = 1024 }, DateTimeOffset.UnixEpoch).Read;
            }
        }

        return found;
    }

    private static int Page(byte[] input)
    {
        var text = ExpositionBody.Unquote(input);
        _ = PageReading.Look(text, DateTimeOffset.UnixEpoch);
        return ExpositionPage.Read(text.Span).Samples;
    }

    private static int GpuTools(byte[] input)
    {
        var lines = Encoding.UTF8.GetString(input).Split('\n');
        IGpuTool[] tools = [.. Agent.Sources.Gpus.GpuTools.Kinds.Select(kind => Agent.Sources.Gpus.GpuTools.Create(new GpuToolSourceSettings(kind)))];
        var samples = ComputeApps.Read(lines)?.Count ?? 0;
        foreach (var tool in tools)
        {
            tool.Begin();
            samples += lines.Count(line => tool.Read(line, DateTimeOffset.UnixEpoch).Sample is not null) + tool.End(DateTimeOffset.UnixEpoch).Count;
        }

        return samples + lines.Count(line => Xid.In(KernelLog.Parse(line)?.Text ?? line) is not null);
    }

    private static int Toml(byte[] input) =>
        ConfigurationLoader.Load(Encoding.UTF8.GetString(input), "fuzz.toml", new LoadingOptions { CheckFiles = false, MachineName = "node-a", Environment = new Dictionary<string, string>() }).HasErrors ? 0 : 1;
}
