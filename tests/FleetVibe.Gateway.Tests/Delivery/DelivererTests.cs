using FleetVibe.Gateway.Delivery;
using FleetVibe.Gateway.Tests.Store;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Gateway.Tests.Delivery;

public sealed class DelivererTests : IAsyncLifetime, IDisposable
{
    private readonly CollectingLogger<DeliveryStatus> _states = new();
    private readonly CollectingLogger<Deliverer> _log = new();
    private StandInTelegraf _telegraf = null!;
    private TestLog _test = null!;
    private DeliveryStatus _status = null!;
    private Deliverer _deliverer = null!;

    public async Task InitializeAsync()
    {
        _telegraf = await StandInTelegraf.StartAsync();
        _test = new TestLog();
        _status = new DeliveryStatus(_test.Clock, _states);
        Configure(s => s);
        await _test.AdmitAsync();
    }

    public async Task DisposeAsync() => await _telegraf.DisposeAsync();

    public void Dispose()
    {
        _deliverer.Dispose();
        _test.Dispose();
    }

    [Fact]
    public async Task Points_go_out_with_token_length_and_precision_and_are_marked_delivered()
    {
        Configure(s => s with { Token = BearerToken.FromText("secret"), Bucket = "fleet" });
        await PutAsync(3);
        Assert.Equal(TimeSpan.FromSeconds(1), await StepAsync());

        var request = Assert.Single(_telegraf.Requests);
        Assert.Equal(("/api/v2/write", "?bucket=fleet&precision=ns", "Token secret"), (request.Path, request.Query, request.Authorization));
        Assert.Equal(3, request.Lines.Length);
        Assert.NotNull(request.Length);
        Assert.Null(request.Encoding);
        Assert.Equal((3, 0, 3, 0, 0, 0), await _test.LedgerAsync());
        await StepAsync();
        Assert.Single(_telegraf.Requests);
        Assert.Equal("idle", Status().DeliveryState);
        Assert.Equal(_test.Clock.GetUtcNow().ToUnixTimeMilliseconds(), Status().LastDeliveredUnixMs);
    }

    [Fact]
    public async Task A_large_batch_is_compressed_and_a_full_one_is_followed_at_once()
    {
        Configure(s => s with { BatchLines = 50 });
        await PutAsync(60);
        Assert.Equal(TimeSpan.Zero, await StepAsync());
        Assert.Equal(TimeSpan.FromSeconds(1), await StepAsync());

        Assert.Equal("gzip", _telegraf.Requests[0].Encoding);
        Assert.NotNull(_telegraf.Requests[0].Length);
        Assert.Equal([50, 10], _telegraf.Requests.Select(r => r.Lines.Length));
    }

    [Fact]
    public async Task A_named_line_is_put_aside_and_the_rest_is_sent_at_once()
    {
        await PutAsync(5);
        _telegraf.By(r => BadAt(r) is var bad && bad < 0
            ? new Answer(204)
            : new Answer(400, $$"""{"code":"invalid","message":"metric parse error: expected field at {{bad + 1}}:9: \"{{r.Lines[bad][..20]}}\""}"""));

        Assert.Equal(TimeSpan.Zero, await StepAsync());
        await StepAsync();

        Assert.Equal([5, 4], _telegraf.Requests.Select(r => r.Lines.Length));
        Assert.Equal((5, 0, 4, 0, 1, 0), await _test.LedgerAsync());
        Assert.Contains("=3,", await DeadLineAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unnamed_line_is_found_by_halves()
    {
        await PutAsync(8);
        _telegraf.By(r => BadAt(r) < 0 ? new Answer(204) : new Answer(400, """{"error":"http: bad request"}"""));

        await DrainAsync();

        Assert.Equal((8, 0, 7, 0, 1, 0), await _test.LedgerAsync());
        Assert.Contains("=3,", await DeadLineAsync(), StringComparison.Ordinal);
        Assert.InRange(_telegraf.Requests.Count, 4, 8);
    }

    [Fact]
    public async Task A_receiver_that_refuses_everything_condemns_nothing()
    {
        await PutAsync(30);
        _telegraf.Always(400, """{"error":"http: bad request"}""");
        for (var i = 0; i < 80; i++)
        {
            await StepAsync();
        }

        Assert.Equal((30, 30, 0, 0, 0, 30), await _test.LedgerAsync());
        Assert.Equal("paused_config", Status().DeliveryState);
        Assert.Single(_states.Lines);

        // It works again, except for one line.
        _telegraf.By(r => BadAt(r) < 0 ? new Answer(204) : new Answer(400, """{"error":"http: bad request"}"""));
        await PutAsync(1, seq: 100, start: TestLog.Start + 1000);
        await DrainAsync();
        Assert.Equal((31, 0, 30, 0, 1, 0), await _test.LedgerAsync());
        Assert.Contains("=3,", await DeadLineAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401)]
    [InlineData(403)]
    public async Task A_refused_token_pauses_for_half_a_minute_and_the_new_one_is_read(int status)
    {
        var file = Path.Combine(_test.Folder, "token");
        await File.WriteAllTextAsync(file, "old\n");
        Configure(s => s with { Token = BearerToken.FromFile(file) });
        _telegraf.By(r => r.Authorization == "Token new" ? new Answer(204) : new Answer(status));
        await PutAsync(1);

        Assert.Equal(TimeSpan.FromSeconds(30), await StepAsync());
        Assert.Equal(TimeSpan.FromSeconds(30), await StepAsync());
        Assert.Equal("paused_auth", Status().DeliveryState);
        Assert.Single(_states.Lines);
        Assert.DoesNotContain("old", Status().DeliveryError, StringComparison.Ordinal);

        await File.WriteAllTextAsync(file, "new\n");
        File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddSeconds(5));
        await StepAsync();
        Assert.Equal((1, 0, 1, 0, 0, 0), await _test.LedgerAsync());
        Assert.Equal("delivering", Status().DeliveryState);
        Assert.Contains("again", _states.Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await PutAsync(1);
        _telegraf.By(r => r.Path == "/elsewhere" ? new Answer(204) : new Answer(307, Location: "/elsewhere"));

        Assert.Equal(TimeSpan.FromSeconds(60), await StepAsync());

        Assert.Equal("paused_config", Status().DeliveryState);
        Assert.Single(_telegraf.Requests);
        Assert.Equal((1, 1, 0, 0, 0, 1), await _test.LedgerAsync());
    }

    [Fact]
    public async Task Too_many_points_are_halved_until_they_fit()
    {
        await PutAsync(20);
        _telegraf.By(r => r.Lines.Length > 3 ? new Answer(413) : new Answer(204));
        await DrainAsync();
        Assert.Equal((20, 0, 20, 0, 0, 0), await _test.LedgerAsync());
        Assert.Equal([20, 10, 5, 2], _telegraf.Requests.Take(4).Select(r => r.Lines.Length));
        Assert.DoesNotContain(_telegraf.Requests.Skip(4), r => r.Lines.Length > 2);
    }

    [Fact]
    public async Task A_single_line_that_is_too_large_is_put_aside()
    {
        await PutAsync(4);
        _telegraf.By(r => r.Lines.Any(l => l.Contains("=3,", StringComparison.Ordinal))
            ? new Answer(413, """{"error":"http: request body too large"}""")
            : new Answer(204));
        await DrainAsync();
        Assert.Equal((4, 0, 3, 0, 1, 0), await _test.LedgerAsync());
        Assert.Contains("=3,", await DeadLineAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("""{"error":"http: request body too large"}""")]
    public async Task A_receiver_that_finds_every_line_too_large_condemns_nothing(string body)
    {
        await PutAsync(30);
        _telegraf.Always(413, body);
        for (var i = 0; i < 80; i++)
        {
            await StepAsync();
        }

        Assert.Equal((30, 30, 0, 0, 0, 30), await _test.LedgerAsync());
        Assert.Equal("paused_config", Status().DeliveryState);

        _telegraf.Always(204);
        await PutAsync(1, seq: 100, start: TestLog.Start + 1000);
        await DrainAsync();
        Assert.Equal((31, 0, 31, 0, 0, 0), await _test.LedgerAsync());
    }

    [Fact]
    public async Task A_busy_receiver_gets_time_and_smaller_batches()
    {
        await PutAsync(40);
        _telegraf.Always(429);
        Assert.InRange((await StepAsync()).TotalSeconds, 0.5, 1);
        Assert.InRange((await StepAsync()).TotalSeconds, 1, 2);
        _telegraf.Always(204);
        await StepAsync();
        Assert.Equal([40, 20, 10], _telegraf.Requests.Select(r => r.Lines.Length));
        Assert.Equal(["Warning", "Information"], _states.Lines.Select(l => l.Split(':')[0]));
    }

    [Fact]
    public async Task A_time_out_keeps_its_points_back_until_nothing_of_it_can_arrive_any_more()
    {
        await PutAsync(1, seq: 1);
        var arrived = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        _telegraf.Answers = async _ =>
        {
            arrived.TrySetResult();
            await release.Task;
            return new Answer(204);
        };
        var step = _deliverer.StepAsync(CancellationToken.None);
        await arrived.Task;
        await PutAsync(1, seq: 2);
        await PutAsync(1, seq: 3, start: TestLog.Start + 10);
        _test.Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.InRange((await step).TotalSeconds, 0.5, 1);
        release.SetResult();

        // Other points go on meanwhile; the higher revision of this one does not.
        _telegraf.Always(204);
        await StepAsync();
        Assert.Equal($"{TestLog.Start + 10}000000000", Assert.Single(_telegraf.Requests[^1].Lines).Split(' ')[2]);
        await StepAsync();
        Assert.Equal(2, _telegraf.Requests.Count);

        // 12 s to its expiry, 2 of them left, and 30 s of quiet.
        _test.Clock.Advance(TimeSpan.FromSeconds(31.9));
        await StepAsync();
        Assert.Equal(2, _telegraf.Requests.Count);
        _test.Clock.Advance(TimeSpan.FromSeconds(0.1));
        await StepAsync();
        Assert.Contains("=2,", Assert.Single(_telegraf.Requests[^1].Lines), StringComparison.Ordinal);
        Assert.Equal((3, 0, 2, 1, 0, 0), await _test.LedgerAsync());
    }

    [Fact]
    public async Task A_reset_after_the_lines_left_is_an_unknown_outcome()
    {
        await PutAsync(1);
        _telegraf.Answers = _ => Task.FromResult<Answer?>(null);
        await StepAsync();
        var sent = _telegraf.Requests.Count;
        _telegraf.Always(204);
        await StepAsync();
        Assert.Equal(sent, _telegraf.Requests.Count);
        Assert.Equal("backing_off", Status().DeliveryState);
        _test.Clock.Advance(TimeSpan.FromSeconds(42));
        await StepAsync();
        Assert.Equal((1, 0, 1, 0, 0, 0), await _test.LedgerAsync());
    }

    [Fact]
    public async Task A_refused_connection_sent_nothing_and_is_tried_again_without_the_quiet_time()
    {
        await _telegraf.DisposeAsync();
        await PutAsync(1);
        Assert.InRange((await StepAsync()).TotalSeconds, 0.5, 1);
        Assert.InRange((await StepAsync()).TotalSeconds, 1, 2);
        Assert.Single(_states.Lines);

        _telegraf = await StandInTelegraf.StartAsync();
        Configure(s => s);
        await StepAsync();
        Assert.Equal((1, 0, 1, 0, 0, 0), await _test.LedgerAsync());
    }

    [Fact]
    public async Task A_stopping_receiver_is_asked_again_on_a_new_connection()
    {
        await PutAsync(1);
        _telegraf.Always(410);
        await StepAsync();
        _telegraf.Always(204);
        await StepAsync();
        Assert.Equal(2, _telegraf.Requests.Select(r => r.Connection).Distinct().Count());
        Assert.Equal((1, 0, 1, 0, 0, 0), await _test.LedgerAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_missing_database_is_created_once_a_minute_at_most_where_that_is_allowed(bool allowed)
    {
        Configure(s => s with { Dialect = TelegrafDialect.InfluxDbV1, Database = "fleet", CreateDatabase = allowed });
        await PutAsync(1);
        _telegraf.By(r => r.Path == "/query" ? new Answer(200, "{}") : new Answer(404, """{"error":"database not found: \"fleet\""}"""));

        await StepAsync();
        Assert.Equal(TimeSpan.FromSeconds(60), await StepAsync());
        await StepAsync();

        Assert.Equal(allowed ? 1 : 0, _telegraf.Requests.Count(r => r.Path == "/query"));
        Assert.Equal("paused_config", Status().DeliveryState);
        Assert.Contains("create_database", Status().DeliveryError, StringComparison.Ordinal);
        if (allowed)
        {
            Assert.Equal("?q=CREATE%20DATABASE%20%22fleet%22", _telegraf.Requests.Single(r => r.Path == "/query").Query);
        }
    }

    [Fact]
    public async Task A_database_that_could_not_be_created_or_was_dropped_is_created_later()
    {
        Configure(s => s with { Dialect = TelegrafDialect.InfluxDbV1, Database = "fleet", CreateDatabase = true });
        var (there, starting) = (false, true);
        _telegraf.By(r =>
        {
            if (r.Path != "/query")
            {
                return there ? new Answer(204) : new Answer(404, """{"error":"database not found: \"fleet\""}""");
            }

            there = !starting;
            return new Answer(starting ? 503 : 200);
        });
        await PutAsync(1);
        Assert.Equal(TimeSpan.FromSeconds(60), await StepAsync());
        Assert.Contains("HTTP 503", Status().DeliveryError, StringComparison.Ordinal);

        starting = false;
        _test.Clock.Advance(TimeSpan.FromSeconds(60));
        await DrainAsync();
        Assert.Equal((1, 0, 1, 0, 0, 0), await _test.LedgerAsync());

        there = false;
        await PutAsync(1, seq: 2);
        _test.Clock.Advance(TimeSpan.FromSeconds(60));
        await DrainAsync();
        Assert.Equal((2, 0, 2, 0, 0, 0), await _test.LedgerAsync());
    }

    [Fact]
    public async Task A_field_type_conflict_names_the_field_and_the_cure()
    {
        Configure(s => s with { Dialect = TelegrafDialect.InfluxDbV1, Database = "fleet" });
        await PutAsync(4);
        _telegraf.By(r => BadAt(r) < 0 ? new Answer(204) : new Answer(
            400, """{"error":"partial write: field type conflict: input field \"response_time_ms\" on measurement \"vibe_model\" is type float, already exists as type integer dropped=1"}"""));

        await DrainAsync();

        Assert.Equal((4, 0, 3, 0, 1, 0), await _test.LedgerAsync());
        var line = Assert.Single(_log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal));
        Assert.Contains("vibe_model.response_time_ms", line, StringComparison.Ordinal);
        Assert.Contains("integer_compat", line, StringComparison.Ordinal);
    }

    private void Configure(Func<TelegrafSettings, TelegrafSettings> change)
    {
        _deliverer?.Dispose();
        _deliverer = new Deliverer(_test.Log, change(new TelegrafSettings { Url = _telegraf.Url }), _status, _test.Clock, new Random(1), _log);
    }

    private Task<TimeSpan> StepAsync() => _deliverer.StepAsync(CancellationToken.None);

    private async Task DrainAsync()
    {
        for (var i = 0; i < 200 && await _test.Log.HasDueAsync([]); i++)
        {
            await StepAsync();
        }
    }

    /// <summary>Points of one window, told apart by their model; the value is the number.</summary>
    private async Task PutAsync(int count, ulong seq = 1, long start = TestLog.Start)
    {
        var request = new PutPointsRequest { Record = TestLog.Record(seq) };
        for (var i = 1; i <= count; i++)
        {
            var point = TestLog.NodePoint(count == 1 ? seq : i, start: start);
            point.Tags[1].Value = $"m{i}";
            request.Points.Add(point);
        }

        Assert.Equal(0, (await _test.Log.PutPointsAsync(request))!.Value.Rejected);
    }

    private GatewayStatus Status()
    {
        var status = new GatewayStatus();
        _status.WriteTo(status);
        return status;
    }

    private static int BadAt(Received received) => Array.FindIndex(received.Lines, l => l.Contains("response_time_ms=3,", StringComparison.Ordinal));

    private Task<string?> DeadLineAsync() => _test.Log.ReadAsync(db => db.Text("SELECT line FROM dead_letters"));
}
