using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Printing;

/// <summary>What closes differently where points are printed.</summary>
public sealed class PrintedWindowTests : IDisposable
{
    private readonly TestSpool _spool = new();
    private readonly AgentSettings _settings = Settings(Vllm) with { Outlet = new FakeOutlet() };

    public void Dispose() => _spool.Dispose();

    [Fact]
    public void Quantiles_of_buckets_stand_with_the_bounds_that_hold_the_truth()
    {
        var state = State(_settings);
        state.Fold(new SourceReport(Vllm.Key) { Deltas = [Delta(-1, 9, 4)] }, At(9));
        var point = Write(state.TakeBatch(At(12), 0)).PointOf("vibe_model");

        Assert.InRange(point.Get("response_time_p95_lo_ms")!.Float, 490, 500);
        Assert.InRange(point.Get("response_time_p95_hi_ms")!.Float, 1000, 1011);
        Assert.InRange(point.Get("response_time_p95_ms")!.Float, 500, 1000);
        Assert.All(["response_time_p50", "response_time_p99", "ttft_p50", "ttft_p95"], name => Assert.NotNull(point.Get($"{name}_hi_ms")));
    }

    [Fact]
    public void An_upper_bound_that_is_known_no_more_is_written_as_the_open_end()
    {
        var state = State(_settings);
        state.Fold(new SourceReport(Vllm.Key) { Deltas = [Delta(-1, 9, 4)] }, At(9));
        Write(state.TakeBatch(At(12), 0));
        var beyond = new SeriesTotals { Requests = 400 };
        beyond.ResponseTime.AddClassic([0.5, 1, 2.5], [0, 0, 0, 400], 4_000_000_000);
        state.Fold(new SourceReport(Vllm.Key) { Deltas = [new CounterDelta(Chat, At(-1), At(9), beyond)] }, At(13));

        var point = Write(state.TakeBatch(At(14), 0)).PointOf("vibe_model");
        Assert.Equal((404, 1e10), (point.Get("requests")!.Integer, point.Get("response_time_p95_hi_ms")!.Float));
    }

    [Fact]
    public void An_agent_that_reports_leaves_bounds_to_the_fleet()
    {
        var state = State(Settings(Vllm));
        state.Fold(new SourceReport(Vllm.Key) { Deltas = [Delta(-1, 9, 4)] }, At(9));
        var result = _spool.Store.Commit(state.TakeBatch(At(12), 0), new WindowCloser(Settings(Vllm)));

        Assert.DoesNotContain(_spool.Store.ContentsOf(result).PointOf("vibe_model").Fields, field => field.Key.Contains("_lo_", StringComparison.Ordinal) || field.Key.Contains("_hi_", StringComparison.Ordinal));
    }

    [Fact]
    public void Requests_travel_with_the_points_that_show_them()
    {
        var state = State(_settings);
        state.Fold(new SourceReport(Vllm.Key) { Deltas = [Delta(-1, 9, 4)] }, At(9));
        var content = Assert.Single(Write(state.TakeBatch(At(12), 0)));

        Assert.Empty(content.Contributions);
        Assert.Equal((4L, 0L), (_spool.Store.Status.Ledger.Spooled, _spool.Store.Status.Ledger.Open));
    }

    [Fact]
    public void Requests_of_a_window_without_points_travel_alone()
    {
        var state = State(_settings);
        state.Fold(new SourceReport(Vllm.Key) { Deltas = [Delta(400, 410, 4)] }, At(9));
        var future = Write(state.TakeBatch(At(12), 0)).Single(content => content.Points.Count == 0);

        Assert.Equal((Start + 400, 4L), (future.WindowStart, _spool.Store.Status.Ledger.Spooled));
    }

    [Fact]
    public void Taking_all_closes_every_window_as_it_is_and_leaves_none_open()
    {
        var state = State(_settings);
        state.Fold(new SourceReport(Vllm.Key) { Deltas = [Delta(-1, 9, 4), Delta(9, 12, 1)], Status = Ok(12) }, At(12));
        var points = Write(state.TakeAll(At(12.5))).PointsOf("vibe_model").ToList();

        Assert.Equal([(Start, 4L), (Start + 10, 1L)], points.Select(point => (point.TimestampNs / 1_000_000_000, point.Get("requests")!.Integer)));
        Assert.Empty(_spool.Store.Load().Open);
    }

    private IReadOnlyList<RecordContent> Write(SpoolBatch batch) => _spool.Store.ContentsOf(_spool.Store.Commit(batch, new WindowCloser(_settings)));
}
