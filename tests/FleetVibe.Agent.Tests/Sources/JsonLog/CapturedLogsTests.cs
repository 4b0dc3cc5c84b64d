using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog.Envelopes;
using FleetVibe.Agent.Sources.Reading;
using Xunit.Abstractions;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

/// <summary>Logs recorded from real servers and runtimes, where a machine has them; they are no part of this repository.</summary>
public sealed class CapturedLogsTests(ITestOutputHelper output)
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);

    [RecordingFact]
    public void Every_recorded_log_is_read_without_a_fault()
    {
        foreach (var path in Directory.GetFiles(Path.Combine(Recordings.Folder!, "logs")).Concat(Directory.GetFiles(Path.Combine(Recordings.Folder!, "llm"), "*log*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal))
        {
            var look = RequestLogReading.Look(File.ReadAllBytes(path), null, Now);
            output.WriteLine($"{Path.GetFileName(path)}: {look.Format}, {look.Read} read, {look.Others} other, {look.Skipped.Count} skipped, {look.Enveloped} enveloped");
        }
    }

    [RecordingTheory]
    [InlineData("logs/constructed_request_log_variants.jsonl", "json", 8, 0, 4)]
    [InlineData("logs/localrun_nginx_json.log", "nginx_json", 0, 5, 0)]
    [InlineData("llm/tgi/constructed_json_output_line.jsonl", "tgi", 1, 0, 0)]
    public void What_a_recorded_log_holds_is_what_is_read(string file, string format, int read, int others, int skipped)
    {
        var look = RequestLogReading.Look(Recordings.Read(file.Split('/')), null, Now);
        Assert.Equal((format, read, others, skipped), (look.Format, look.Read, look.Others, look.Skipped.Count));
    }

    [RecordingFact]
    public void A_recorded_uvicorn_log_is_told_apart_by_method_and_status()
    {
        var text = Encoding.UTF8.GetString(Recordings.Read("logs", "localrun_uvicorn.log")).Replace("\"GET ", "\"POST ", StringComparison.Ordinal);
        var look = RequestLogReading.Look(Encoding.UTF8.GetBytes(text), null, Now);
        Assert.Equal("uvicorn", look.Format);
        Assert.Equal(text.Split('\n').Count(line => line.Contains(" HTTP/1.", StringComparison.Ordinal)), look.Requests.Count);
        Assert.Empty(look.Skipped);
    }

    [RecordingFact]
    public void Recorded_CRI_lines_are_joined_as_expected()
    {
        var expected = Encoding.UTF8.GetString(Recordings.Read("logs", "fluentbit_tests__cri_expected_messages.txt")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(expected.Order(StringComparer.Ordinal), Joined("fluentbit_tests__cri_lines.log", LogEnvelope.Cri).Order(StringComparer.Ordinal));
    }

    [RecordingTheory]
    [InlineData("fluentbit__dockermode")]
    [InlineData("fluentbit__dockermode_splitted_line")]
    public void Recorded_Docker_lines_are_joined_as_expected(string name)
    {
        var expected = Joined(name + ".expected_out", LogEnvelope.Docker);
        Assert.NotEmpty(expected);
        Assert.Equal(expected, Joined(name + ".log", LogEnvelope.Docker));
    }

    private static List<string> Joined(string file, LogEnvelope envelope)
    {
        var reader = new EnvelopeReader(envelope);
        var lines = new LineAssembler(1 << 20);
        var joined = new List<string>();
        foreach (var text in File.ReadAllLines(Path.Combine(Recordings.Folder!, "logs", file)).Where(line => line.Length > 0))
        {
            if (reader.TryRead(Encoding.UTF8.GetBytes(text), out var record) && lines.Take(record, 0, out var line) == Assembled.Whole)
            {
                joined.Add(Encoding.UTF8.GetString(line));
            }
        }

        return joined;
    }
}
