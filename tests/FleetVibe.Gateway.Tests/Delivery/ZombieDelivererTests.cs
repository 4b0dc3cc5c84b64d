using FleetVibe.Gateway.Delivery;
using FleetVibe.Gateway.Tests.Postgres;
using FleetVibe.Gateway.Tests.Store;
using FleetVibe.Tests.Postgres;
using Microsoft.Extensions.Logging.Abstractions;

namespace FleetVibe.Gateway.Tests.Delivery;

/// <summary>
/// Two deliverers share a log, and one of them is stopped with its bytes half way: it wakes when the other has taken its
/// points for free. What Telegraf holds last is the head all the same.
/// </summary>
[Collection(PostgresCollection.Name)]
public sealed class ZombieDelivererTests(PostgresServer server)
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PastExpiryAndQuiet = TimeSpan.FromSeconds(43);

    [Fact]
    public Task A_write_that_arrives_after_a_higher_revision_is_overwritten_by_the_head() => ArrivesLateAsync(null);

    [RequiresPostgresFact]
    public Task A_write_that_arrives_after_a_higher_revision_is_overwritten_by_the_head_on_postgres() => ArrivesLateAsync(server.Cluster);

    [Theory]
    [InlineData(AttemptEnd.Delivered)]
    [InlineData(AttemptEnd.Released)]
    [InlineData(AttemptEnd.Unknown)]
    internal async Task Points_that_another_attempt_has_when_the_sender_wakes_go_out_once_more_after_it(AttemptEnd end)
    {
        using var test = new TestLog();
        await test.AdmitAsync();
        await test.PutAsync(1, TestLog.NodePoint());
        var stopped = (await test.BeginAsync())!;
        test.Clock.Advance(PastExpiryAndQuiet);
        await test.PutAsync(2, TestLog.NodePoint());
        Assert.Equal(1, await ReleaseAsync(test));
        var fresh = (await test.BeginAsync())!;

        await test.Log.EndAttemptAsync(stopped.Attempt, AttemptEnd.Delivered, []);
        await test.PutAsync(3, TestLog.NodePoint());
        Assert.Null(await test.BeginAsync());
        await test.Log.EndAttemptAsync(fresh.Attempt, end, []);

        await test.CheckLedgerAsync();
        Assert.Null(await test.BeginAsync());
        test.Clock.Advance(PastExpiryAndQuiet);
        await ReleaseAsync(test);
        test.Clock.Advance(Quiet);
        await ReleaseAsync(test);
        var last = (await test.BeginAsync())!;
        Assert.Equal(new PointRevision(1, 3), Assert.Single(last.Lines).Revision);
        await test.Log.EndAttemptAsync(last.Attempt, AttemptEnd.Delivered, []);
        await test.CheckLedgerAsync();
        Assert.Equal(0UL, (await test.Log.StatusAsync()).PointsQueued);
        Assert.False(await test.Log.HasDueAsync([]));
    }

    [Fact]
    public async Task A_sender_that_wakes_and_cannot_reach_the_log_tells_it_later()
    {
        using var test = new TestLog();
        await test.AdmitAsync();
        await test.PutAsync(1, TestLog.NodePoint());
        var stopped = (await test.BeginAsync())!;
        test.Clock.Advance(PastExpiryAndQuiet);
        await ReleaseAsync(test);
        var fresh = (await test.BeginAsync())!;
        await test.Log.EndAttemptAsync(fresh.Attempt, AttemptEnd.Delivered, []);
        test.Log.Writer.BeforeCommit = () => throw new StoreUnavailableException("gone");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => test.Log.EndAttemptAsync(stopped.Attempt, AttemptEnd.Unknown, []));
        test.Log.Writer.BeforeCommit = null;

        await ReleaseAsync(test);
        Assert.False(await test.Log.HasDueAsync([]));
        test.Clock.Advance(Quiet);
        Assert.Equal(1, await ReleaseAsync(test));

        Assert.Equal(stopped.Lines[0].Key, Assert.Single((await test.BeginAsync())!.Lines).Key);
        await test.CheckLedgerAsync();
    }

    private static async Task ArrivesLateAsync(PostgresCluster? cluster)
    {
        using var test = new TestLog(cluster: cluster);
        using var second = cluster is null ? null : test.OpenAnother();
        await using var telegraf = await StandInTelegraf.StartAsync();
        using var first = DelivererOf(test, test.Log, telegraf.Url);
        using var other = DelivererOf(test, second ?? test.Log, telegraf.Url);
        var stored = new List<string>();
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var wakes = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var requests = 0;
        telegraf.Answers = async request =>
        {
            if (Interlocked.Increment(ref requests) == 1)
            {
                arrived.SetResult();
                await wakes.Task;
            }

            lock (stored)
            {
                stored.Add(Assert.Single(request.Lines));
            }

            return new Answer(204);
        };

        await test.AdmitAsync();
        await test.PutAsync(1, TestLog.NodePoint(1));
        var stopped = first.StepAsync(CancellationToken.None);
        await arrived.Task;

        // Only the expiry passes for the others: the stopped one has no time of its own.
        await test.PutAsync(2, TestLog.NodePoint(2));
        await (second ?? test.Log).ReleaseExpiredAsync(test.Clock.GetUtcNow() + PastExpiryAndQuiet);
        await other.StepAsync(CancellationToken.None);
        wakes.SetResult();
        await stopped;
        Assert.Equal(["2", "1"], stored.Select(ValueOf));

        await other.StepAsync(CancellationToken.None);
        Assert.Equal(2, stored.Count);
        test.Clock.Advance(PastExpiryAndQuiet);
        await other.StepAsync(CancellationToken.None);

        Assert.Equal(["2", "1", "2"], stored.Select(ValueOf));
        test.Clock.Advance(PastExpiryAndQuiet);
        await other.StepAsync(CancellationToken.None);
        Assert.Equal(3, stored.Count);
        await test.CheckLedgerAsync();
        Assert.Equal((2UL, 0UL), await CountsAsync(test));
    }

    private static async Task<(ulong Produced, ulong Queued)> CountsAsync(TestLog test)
    {
        var status = await test.Log.StatusAsync();
        return (status.PointsProduced, status.PointsQueued);
    }

    private static string ValueOf(string line) => line.Split("response_time_ms=")[1].Split(',')[0];

    private static Deliverer DelivererOf(TestLog test, DatabaseCommitLog log, Uri url) => new(
        log, new TelegrafSettings { Url = url }, new DeliveryStatus(test.Clock, NullLogger<DeliveryStatus>.Instance), test.Clock, new Random(1), NullLogger<Deliverer>.Instance);

    private static Task<int> ReleaseAsync(TestLog test) => test.Log.ReleaseExpiredAsync(test.Clock.GetUtcNow() - Quiet);
}
