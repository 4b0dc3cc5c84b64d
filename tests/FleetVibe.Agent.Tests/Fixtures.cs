using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Agent.Tests;

/// <summary>Names and times that the tests of this room share.</summary>
internal static class Fixtures
{
    /// <summary>A window start.</summary>
    internal const long Start = 1_790_000_000;

    internal static readonly SeriesId Chat = new("m", "chat");

    internal static readonly JsonLogSourceSettings RequestLog = new() { Path = "/var/log/requests.jsonl", Name = "log", Model = "m", Task = "chat" };

    internal static readonly VllmSourceSettings Vllm = new() { Endpoint = new Uri("http://127.0.0.1:8000/metrics"), Name = "vllm", Model = "m", Task = "chat" };

    internal static readonly NvidiaSmiSourceSettings Gpus = new();

    internal static DateTimeOffset At(double secondsAfterStart) => DateTimeOffset.FromUnixTimeSeconds(Start).AddSeconds(secondsAfterStart);

    internal static AgentSettings Settings(params SourceSettings[] sources) => new()
    {
        Node = "gpu-1",
        DataDirectory = "",
        Aggregators = new PeerSettings { Addresses = [new Uri("http://127.0.0.1:1")] },
        Sources = sources,
    };

    internal static RequestObservation Request(
        double at, double seconds = 0.5, RequestOutcome outcome = RequestOutcome.Success, bool external = false, double? ttft = null, SeriesId? series = null) =>
        new(series ?? Chat, At(at), seconds, ttft, 10, 20, outcome, external);

    internal static SourceReport Lines(byte checkpoint, params RequestObservation[] requests) =>
        new(RequestLog.Key) { Requests = requests, Checkpoint = [checkpoint] };

    internal static CounterDelta Delta(double from, double to, int requests)
    {
        var totals = new SeriesTotals { Requests = requests, OutputTokens = requests * 20 };
        totals.ResponseTime.AddClassic([0.5, 1, 2.5], [0, requests, 0, 0], requests * 700_000L);
        totals.Ttft.AddClassic([0.1, 0.25], [requests, 0, 0], requests * 50_000L);
        return new CounterDelta(Chat, At(from), At(to), totals);
    }

    internal static CollectionStatus Ok(double at, double seconds = 0) =>
        new(At(at), null, "", TimeSpan.FromSeconds(seconds), 0, 0);

    internal static CollectionStatus Failed(double at, ErrorClass error, double seconds = 0) =>
        new(At(at), error, "no", TimeSpan.FromSeconds(seconds), 0, 0);

    /// <summary>A state that may close windows at once, of sources that were read before.</summary>
    internal static AccumulatorState State(AgentSettings settings, double startedAt = 0)
    {
        var state = new AccumulatorState(settings, At(startedAt), [], settings.Sources.ToDictionary(source => source.Key, _ => new byte[] { 0 }));
        state.SetClockOffset(TimeSpan.Zero);
        return state;
    }

    internal static long RequestsIn(this CommitResult result, SpoolStore store) =>
        store.ContentsOf(result).Sum(content => content.Contributions.Sum(contribution => (long)contribution.Totals.Requests));

    internal static IReadOnlyList<RecordContent> ContentsOf(this SpoolStore store, CommitResult result) =>
        [.. store.Offer([.. result.Records.Select(record => record.Seq)]).Records.Select(record => record.Content)];

    internal static Point PointOf(this IEnumerable<RecordContent> contents, string measurement) =>
        contents.SelectMany(content => content.Points).Single(point => point.Measurement == measurement);

    internal static IEnumerable<Point> PointsOf(this IEnumerable<RecordContent> contents, string measurement) =>
        contents.SelectMany(content => content.Points).Where(point => point.Measurement == measurement);

    internal static Field? Get(this Point point, string field) => point.Fields.SingleOrDefault(candidate => candidate.Key == field);

    internal static string Tag(this Point point, string tag) => point.Tags.Single(candidate => candidate.Key == tag).Value;

    internal static RecordContent Copy(RecordContent content) => RecordContent.Parser.ParseFrom(content.ToByteArray());
}

/// <summary>A folder that goes when the test ends.</summary>
internal sealed class TempFolder : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("fleetvibe-agent-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>A spool that is closed and opened again as by a kill: nothing is said to it first.</summary>
internal sealed class TestSpool : IDisposable
{
    private readonly TempFolder _folder = new();
    private SpoolFile _file;

    internal TestSpool(bool replacesLost = false, double createdAt = 0)
    {
        _file = SpoolFile.Lock(_folder.Path);
        Store = SpoolStore.Open(_file.Open(), replacesLost, Fixtures.At(createdAt));
    }

    internal SpoolStore Store { get; private set; }

    internal string Folder => _folder.Path;

    internal SpoolContents Reopen()
    {
        Close();
        _file = SpoolFile.Lock(_folder.Path);
        Store = SpoolStore.Open(_file.Open(), false, Fixtures.At(0));
        return Store.Load();
    }

    internal void Close()
    {
        Store.Dispose();
        _file.Dispose();
    }

    public void Dispose()
    {
        Close();
        _folder.Dispose();
    }
}
