using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Simulator.Tests.Nodes;

public sealed class NodeEngineTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly TempFolder _folder = new();
    private readonly TruthWriter _truth;
    private readonly NodeEngine _engine;

    public NodeEngineTests()
    {
        _truth = new TruthWriter(_folder.File("truth.jsonl"));
        var settings = new SimulatedNodeSettings { Name = "node-1", Directory = _folder.Path, RequestsPerSecond = 20 };
        _engine = new NodeEngine(settings, _truth, _folder.File("requests.jsonl"), Start);
    }

    public void Dispose()
    {
        _engine.Dispose();
        _truth.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Requests_finish_at_the_rate_given_each_at_its_own_moment()
    {
        for (var ms = 0; ms <= 60_000; ms += 200)
        {
            _engine.FinishUntil(Start.AddMilliseconds(ms));
        }

        var truth = Truth.Read(_truth.Path);
        Assert.Equal(_engine.Finished, truth.Count);
        Assert.InRange(truth.Count, 1060, 1340);
        Assert.Equal(truth.Requests.Select(r => r.CompletedMs).Order(), truth.Requests.Select(r => r.CompletedMs));

        // Not at the moment of the step: about one in two hundred would fall on it by chance.
        Assert.True(truth.Requests.Count(r => r.CompletedMs % 200 == 0) < 40);
    }

    [Fact]
    public void The_next_moment_returned_is_when_the_next_request_ends()
    {
        var next = _engine.FinishUntil(Start);
        Assert.Equal(0, _engine.Finished);
        _engine.FinishUntil(next.AddTicks(-1));
        Assert.Equal(0, _engine.Finished);
        _engine.FinishUntil(next);
        Assert.Equal(1, _engine.Finished);
        Assert.Equal(next.ToUnixTimeMilliseconds(), Truth.Read(_truth.Path).Requests[0].CompletedMs);
    }

    [Fact]
    public void What_the_truth_could_not_take_no_reader_sees()
    {
        _engine.FinishNow(2, Start);
        var page = _engine.RenderMetrics(NodeFault.None);
        _truth.Dispose();

        Assert.Throws<ObjectDisposedException>(() => _engine.FinishNow(1, Start));

        Assert.Equal(2, _engine.Finished);
        Assert.Equal(page, _engine.RenderMetrics(NodeFault.None));
        Assert.Equal(2, File.ReadAllLines(_folder.File("requests.jsonl")).Length);
    }

    [Fact]
    public void A_process_that_stood_still_finishes_nothing_for_that_time()
    {
        _engine.FinishUntil(Start);
        _engine.FinishUntil(Start.AddSeconds(1));
        var before = _engine.Finished;

        _engine.FinishUntil(Start.AddMinutes(10));

        Assert.Equal(1, _engine.Finished - before);
    }
}
