using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Spool;

public sealed class ClosingTests : IDisposable
{
    private readonly TestSpool _spool = new();

    public void Dispose() => _spool.Dispose();

    private IReadOnlyList<RecordContent> Write(AgentSettings settings, AccumulatorState state, double now) =>
        _spool.Store.ContentsOf(_spool.Store.Commit(state.TakeBatch(At(now), 0), new WindowCloser(settings)));

    [Fact]
    public void A_closing_window_gives_one_contribution_and_whole_points()
    {
        var settings = Settings(RequestLog);
        var state = State(settings);
        state.Fold(Lines(1, Request(1), Request(2, 1.5, RequestOutcome.Error), Request(3, 1, RequestOutcome.LengthLimited)) with { Status = Ok(9.5) }, At(9.5));

        var content = Assert.Single(Write(settings, state, 12));
        var contribution = Assert.Single(content.Contributions);
        Assert.Equal((Start, 3UL, 1UL, 1UL), (content.WindowStart, contribution.Totals.Requests, contribution.Totals.Errors, contribution.Totals.LengthLimited));

        var model = content.Points.Single(point => point.Measurement == "vibe_model");
        Assert.Equal(Start * 1_000_000_000, model.TimestampNs);
        Assert.Equal(("gpu-1", "m", "chat", "log"), (model.Tag("host"), model.Tag("model"), model.Tag("task"), model.Tag("target")));
        Assert.Equal(3, model.Get("requests")!.Integer);
        Assert.Equal(1000, model.Get("response_time_ms")!.Float, 1e-9);
        Assert.Equal(6, model.Get("output_tokens_per_second")!.Float);
        Assert.Null(model.Get("running"));
        Assert.Null(model.Get("overflow"));

        var target = content.Points.Single(point => point.Measurement == "vibe_target");
        Assert.True(target.Get("up")!.Boolean);
        Assert.Equal(("none", 0.5), (target.Get("error_class")!.Text, target.Get("last_success_age_s")!.Float));
        Assert.Equal("agent", content.Points.Single(point => point.Measurement == "vibe_fleetvibe").Tag("role"));
    }

    [Fact]
    public void A_late_line_makes_a_record_of_itself_and_points_of_the_whole_window()
    {
        var settings = Settings(RequestLog);
        var state = State(settings);
        state.Fold(Lines(1, Request(1), Request(2)) with { Status = Ok(9.5) }, At(9.5));
        Write(settings, state, 12);
        state.Fold(Lines(2, Request(3)), At(13));

        var content = Assert.Single(Write(settings, state, 14));
        Assert.Equal(1UL, Assert.Single(content.Contributions).Totals.Requests);
        Assert.Equal(3, Assert.Single(content.Points).Get("requests")!.Integer);
    }

    [Fact]
    public void A_window_whose_content_is_gone_gives_no_point_and_counts_it()
    {
        var settings = Settings(RequestLog);
        var state = State(settings);
        state.Fold(Lines(1, Request(1)), At(9));
        Write(settings, state, 12);
        Write(settings, state, 3700);
        state.Fold(Lines(2, Request(3)), At(3701));

        var late = Write(settings, state, 3702).Single(content => content.Contributions.Count > 0);
        Assert.Equal(1UL, late.Contributions.Single().Totals.Requests);
        Assert.Empty(late.Points);
        Assert.Equal(1, _spool.Store.Status.Ledger.NodePointsSkipped);
    }

    [Fact]
    public void Windows_whose_content_is_gone_take_no_page_each()
    {
        var settings = Settings(RequestLog with { Model = null });
        var state = State(settings);
        long UsedAfter(int firstMinute)
        {
            for (var minute = firstMinute; minute < firstMinute + 70; minute++)
            {
                var at = minute * 60;
                state.Fold(Lines(1, [.. Enumerable.Range(0, 25).Select(n => Request(at, 0.1 * (n + 1), series: new SeriesId($"m{n}", "chat")))]), At(at));
                var records = _spool.Store.Commit(state.TakeBatch(At(at + 12), 0), new WindowCloser(settings)).Records;
                _spool.Store.Offer([.. records.Select(record => record.Seq)]);
                _spool.Store.Acknowledge([new SequenceRange { First = records[0].Seq, Last = records[^1].Seq }], []);
            }

            return _spool.Store.Status.UsedBytes;
        }

        var first = UsedAfter(0);
        Assert.InRange(UsedAfter(70), 0, first + 20 * 4096);
    }

    [Fact]
    public void An_old_window_that_never_had_a_record_gets_its_points_after_days_down()
    {
        var settings = Settings(RequestLog);
        var state = State(settings, startedAt: 86_400);
        state.Fold(Lines(1, Request(1)), At(86_401));

        Assert.Equal(1, Write(settings, state, 86_402).PointOf("vibe_model").Get("requests")!.Integer);
    }

    [Fact]
    public void After_a_lost_spool_windows_begun_before_it_get_no_points()
    {
        using var fresh = new TestSpool(replacesLost: true, createdAt: 25);
        var settings = Settings(RequestLog);
        var state = State(settings, startedAt: 25);
        state.Fold(Lines(1, Request(24), Request(31)), At(31));
        var contents = fresh.Store.ContentsOf(fresh.Store.Commit(state.TakeBatch(At(42), 0), new WindowCloser(settings)));

        Assert.Equal([Start + 30], contents.PointsOf("vibe_model").Select(point => point.TimestampNs / 1_000_000_000));
        Assert.Equal(2, contents.Sum(content => content.Contributions.Sum(contribution => (long)contribution.Totals.Requests)));
    }

    [Fact]
    public void A_configured_series_gives_zeros_while_its_source_is_up_and_nothing_while_it_is_down()
    {
        var settings = Settings(RequestLog);
        var state = State(settings);
        state.Fold(new SourceReport(RequestLog.Key) { Status = Ok(9.5) }, At(9.5));
        state.Fold(new SourceReport(RequestLog.Key) { Status = Failed(19.5, ErrorClass.FileMissing) }, At(19.5));

        var contents = Write(settings, state, 22);
        Assert.Equal(0UL, Assert.Single(contents[0].Contributions).Totals.Requests);
        Assert.Equal(0, contents[0].Points.Single(point => point.Measurement == "vibe_model").Get("requests")!.Integer);
        Assert.Empty(contents[1].Contributions);
        Assert.Equal("file_missing", contents[1].Points.Single(point => point.Measurement == "vibe_target").Get("error_class")!.Text);
    }

    [Fact]
    public void An_engine_beside_a_log_gives_only_what_the_log_cannot()
    {
        var settings = Settings(RequestLog, Vllm);
        var state = State(settings);
        state.Fold(new SourceReport(Vllm.Key) { Deltas = [Delta(-1, 9, 4)], Gauges = [new ModelGauges(Chat, At(9)) { Running = 2, KvCachePercent = 40 }] }, At(9));

        var point = Assert.Single(Write(settings, state, 12)).Points.Single(candidate => candidate.Measurement == "vibe_model");
        Assert.Equal(["ttft_p50_ms", "ttft_p95_ms", "running", "kv_cache_percent"], point.Fields.Select(field => field.Key));
    }

    [Fact]
    public void Gpu_samples_of_a_window_are_averaged_maximised_and_joined()
    {
        var log = RequestLog with { Gpus = ["1"] };
        var settings = Settings(log, Gpus);
        var state = State(settings);
        GpuSample Sample(string gpu, int index, double at, double util, double temperature, bool throttled, params string[] reasons) => new(gpu, index, "RTX 4090", At(at))
        {
            GpuUtilPercent = util,
            TemperatureC = temperature,
            Throttled = throttled,
            ThrottleReasons = reasons,
            EccUncorrected = (long)at,
        };
        state.Fold(new SourceReport(Gpus.Key) { Gpus = [Sample("GPU-a", 0, 1, 10, 50, false), Sample("GPU-b", 1, 1, 80, 70, true, "sw_power_cap"), Sample("GPU-b", 1, 2, 90, 60, false, "hw_slowdown")] }, At(2));
        state.Fold(Lines(1, Request(1)), At(9));

        var contents = Write(settings, state, 12);
        var gpu = contents.PointsOf("vibe_gpu").Single(point => point.Tag("gpu") == "GPU-b");
        Assert.Equal((85, 70, 2), (gpu.Get("gpu_util_percent")!.Float, gpu.Get("temperature_c")!.Float, gpu.Get("ecc_uncorrected")!.Integer));
        Assert.True(gpu.Get("throttled")!.Boolean);
        Assert.Equal("hw_slowdown,sw_power_cap", gpu.Get("throttle_reasons")!.Text);
        Assert.Null(gpu.Get("power_w"));
        Assert.Equal(85, contents.PointOf("vibe_model").Get("gpu_util_percent")!.Float);
    }

    [Fact]
    public void A_collection_that_ran_into_its_timeout_belongs_to_the_window_in_which_it_began()
    {
        var settings = Settings(RequestLog);
        var state = State(settings);
        state.Fold(new SourceReport(RequestLog.Key) { Status = Failed(12, ErrorClass.Timeout, seconds: 3) }, At(12));

        Assert.Equal(Start * 1_000_000_000, Write(settings, state, 12).PointOf("vibe_target").TimestampNs);
    }

    [Fact]
    public void A_record_stays_within_its_cap_and_loses_nothing()
    {
        var log = RequestLog with { Model = null, Task = null, Fields = new LogFields { Ttft = "ttft_ms" } };
        var settings = Settings(log) with { MaxSeries = 200 };
        var state = State(settings);
        var requests = Enumerable.Range(0, 150).SelectMany(series => Enumerable.Range(0, 900)
            .Select(n => Request(5, 0.001 * Math.Pow(1.0111, n), ttft: 0.001 * Math.Pow(1.0111, n), series: new SeriesId($"m{series}", "chat")))).ToArray();
        state.Fold(Lines(1, requests), At(6));
        var result = _spool.Store.Commit(state.TakeBatch(At(12), 0), new WindowCloser(settings));

        Assert.True(result.Records.Count > 1);
        Assert.All(_spool.Store.ContentsOf(result), content => Assert.InRange(content.CalculateSize(), 1, RecordContents.MaxRecordBytes));
        Assert.Equal(requests.Length, result.RequestsIn(_spool.Store));
    }

    [Fact]
    public void Equal_content_gives_equal_bytes()
    {
        WindowPart Part(params int[] order)
        {
            var state = State(Settings(RequestLog, Vllm));
            foreach (var n in order)
            {
                state.Fold(Lines(1, Request(n, 0.1 * n)), At(9));
            }

            return state.TakeBatch(At(12), 0).Closing.Single().Part;
        }

        Assert.Equal(StoredWindowMapper.ToStored(Part(1, 2, 3)), StoredWindowMapper.ToStored(StoredWindowMapper.FromStored(StoredWindowMapper.ToStored(Part(3, 1, 2)))));
    }
}
