using FleetVibe.Gateway.Tests.Store;
using FleetVibe.Tests.Postgres;
using Microsoft.Extensions.Logging.Abstractions;
using Outcome = FleetVibe.Protocol.V1.CommitReply.Types.Outcome;

namespace FleetVibe.Gateway.Tests.Postgres;

/// <summary>Several gateways on one PostgreSQL.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PostgresLogTests(PostgresServer server)
{
    [RequiresPostgresFact]
    public async Task All_gateways_show_one_log()
    {
        using var test = new TestLog(cluster: server.Cluster);
        var opened = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(test.OpenAnother)));

        Assert.Single(opened.Select(log => log.Identity).Distinct());
        Assert.Equal(opened[0].Identity, test.Log.Identity);
        Array.ForEach(opened, log => log.Dispose());
    }

    [RequiresPostgresFact]
    public async Task Of_commits_that_race_for_a_revision_one_wins_and_every_part_counts_once()
    {
        using var test = new TestLog(cluster: server.Cluster);
        using var second = test.OpenAnother();
        using var third = test.OpenAnother();
        DatabaseCommitLog[] gateways = [test.Log, second, third];
        const int Parts = 30;

        // Each owner adds its own parts and one that all of them hold, by way of its own gateway.
        await Task.WhenAll(gateways.Select((log, owner) => Task.Run(async () =>
        {
            for (var part = 0; part < Parts;)
            {
                var mine = TestLog.Part((ulong)(100 * owner + part + 1), 2, $"gpu-{owner}");
                var state = await log.LoadWindowAsync(TestLog.Window());
                if (state.Contributors.Any(c => c.Record.Equals(mine.Record)))
                {
                    part++;
                    continue;
                }

                var shared = TestLog.Part((ulong)part + 1, 1, "gpu-shared");
                Contributor[] added = state.Contributors.Any(c => c.Record.Equals(shared.Record)) ? [mine] : [mine, shared];
                var request = test.Request(
                    state.Revision, TestLog.Totals(state.Totals.Requests + added.Aggregate(0UL, (sum, p) => sum + p.Requests)), added);
                await log.CommitAsync(new SoundCommit(request, Protocol.Mapping.TotalsMapper.FromWire(request.Totals)));
            }
        })));

        var window = await second.LoadWindowAsync(TestLog.Window());
        Assert.Equal((ulong)(Parts * 7), window.Totals.Requests);
        Assert.Equal(Parts * 4, window.Contributors.Count);
        var status = await third.StatusAsync();
        Assert.Equal((window.Totals.Requests, window.Revision), (status.Committed, status.Commits));
        await test.CheckLedgerAsync();
    }

    [RequiresPostgresFact]
    public async Task Gateways_that_deliver_at_once_never_hold_one_point_together()
    {
        using var test = new TestLog(cluster: server.Cluster);
        using var second = test.OpenAnother();
        await test.AdmitAsync();
        for (var i = 0; i < 40; i++)
        {
            await test.PutAsync((ulong)i + 1, TestLog.NodePoint(start: TestLog.Start + 10 * i));
        }

        var taken = await Task.WhenAll(new[] { test.Log, second }.Select(log => Task.Run(async () =>
        {
            var keys = new List<string>();
            while (await log.BeginAttemptAsync(new BatchLimits(3, 1 << 20), test.Clock.GetUtcNow().AddSeconds(12), null, []) is { } batch)
            {
                keys.AddRange(batch.Lines.Select(l => l.Key));
            }

            return keys;
        })));

        Assert.Equal(40, taken.Sum(k => k.Count));
        Assert.Equal(40, taken.SelectMany(k => k).Distinct().Count());
    }

    [RequiresPostgresFact]
    public async Task Tables_of_an_earlier_release_are_brought_forward_once_nobody_else_uses_them()
    {
        using var test = new TestLog(cluster: server.Cluster);
        await test.AdmitAsync();
        await test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        await test.Log.Writer.RunAsync(db =>
        {
            db.Execute("ALTER TABLE instances DROP COLUMN committed");
            return db.Execute("UPDATE meta SET schema_version = 3");
        });
        Assert.Contains("stop them all", Assert.Throws<StoreUnusableException>(test.OpenAnother).Message, StringComparison.Ordinal);

        test.Close();
        server.Cluster.Execute("SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE application_name = 'fleetvibe'");
        test.Reopen();
        await test.CommitAsync(1, TestLog.Totals(5), TestLog.Part(2, 2));
        var node = Assert.Single((await test.Log.StatusAsync()).Nodes);
        Assert.Equal((5UL, 5UL), (node.SpoolsCommitted, node.PresentCommitted));
    }

    [RequiresPostgresFact]
    public async Task One_name_is_held_by_one_instance_whatever_gateway_is_asked()
    {
        using var test = new TestLog(cluster: server.Cluster);
        using var second = test.OpenAnother();
        var replies = await Task.WhenAll(
            Enumerable.Range(1, 8).Select(i => (i % 2 == 0 ? test.Log : second).AdmitInstanceAsync(
                new AdmitInstanceRequest { Node = "gpu-1", Instance = TestLog.Instance((byte)i), NextSeq = 1 })));

        Assert.Single(replies, r => r.Outcome == AdmitInstanceReply.Types.Outcome.Admitted);
        Assert.Equal(1UL, replies.Max(r => r.InstanceOrdinal));
    }

    [RequiresPostgresFact]
    public async Task A_lost_server_fails_the_calls_and_is_taken_up_again_by_itself()
    {
        using var cluster = PostgresCluster.Start();
        using var test = new TestLog(cluster: cluster);
        await test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        cluster.Stop();

        var gone = await Assert.ThrowsAsync<StoreUnavailableException>(() => test.CommitAsync(1, TestLog.Totals(4), TestLog.Part(2, 1)));
        Assert.Contains("PostgreSQL database postgres", gone.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => test.Log.LoadWindowAsync(TestLog.Window()));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => test.CommitAsync(1, TestLog.Totals(4), TestLog.Part(2, 1)));

        cluster.Start();
        Assert.Equal(3UL, (await test.Log.LoadWindowAsync(TestLog.Window())).Totals.Requests);
        Assert.Equal(Outcome.Committed, (await test.CommitAsync(1, TestLog.Totals(4), TestLog.Part(2, 1))).Outcome);
        Assert.Empty((await test.Log.StatusAsync()).StoreError);
        await test.CheckLedgerAsync();
    }

    [RequiresPostgresFact]
    public void A_server_that_would_lose_a_commit_is_refused_with_the_cure()
    {
        using var cluster = PostgresCluster.Start("fsync=off");
        Assert.Contains("set fsync = on", Refusal(cluster), StringComparison.Ordinal);

        cluster.Execute("ALTER SYSTEM SET fsync = on");
        cluster.Stop();
        cluster.Settings.Clear();
        cluster.Start();
        cluster.Execute("ALTER ROLE fleetvibe SET synchronous_commit = off");
        Assert.Contains("set synchronous_commit = on", Refusal(cluster), StringComparison.Ordinal);

        cluster.Execute("ALTER ROLE fleetvibe SET synchronous_commit = local");
        using (var test = new TestLog(cluster: cluster))
        {
            Assert.Equal(1L, test.Log.Identity.Generation);
        }

        var schema = cluster.NewSchema();
        cluster.Stop();
        cluster.BecomeStandby();
        cluster.Start();
        Assert.Contains("is a standby", Refusal(cluster, schema), StringComparison.Ordinal);
    }

    [RequiresPostgresFact]
    public async Task A_server_that_lost_its_durability_meanwhile_is_not_taken_up_again()
    {
        using var cluster = PostgresCluster.Start();
        using var test = new TestLog(cluster: cluster);
        await test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        cluster.Stop();
        cluster.Settings.Add("fsync=off");
        cluster.Start();

        // The first call may meet the connection that broke.
        var errors = new List<Exception>();
        for (var i = 0; i < 2; i++)
        {
            errors.Add(await Assert.ThrowsAnyAsync<Exception>(() => test.CommitAsync(1, TestLog.Totals(4), TestLog.Part(2, 1))));
        }

        Assert.Contains("fsync = off", Assert.IsType<StoreUnusableException>(errors[1]).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_wrong_with_the_connection_is_told_without_its_secret()
    {
        using var test = new TestLog();
        Directory.CreateDirectory(test.Folder);
        var file = Path.Combine(test.Folder, "connection");
        string Wrong() => Assert.ThrowsAny<Exception>(
            () => DatabaseCommitLog.Open(test.Settings with { Postgres = new PostgresSettings(file) }, test.Clock, NullLogger.Instance)).Message;

        Assert.Contains(file, Wrong(), StringComparison.Ordinal);
        File.WriteAllText(file, "\n");
        Assert.Contains("is empty", Wrong(), StringComparison.Ordinal);
        File.WriteAllText(file, "Pasword=hunter2");
        var told = Wrong();
        Assert.Contains("is no connection string", told, StringComparison.Ordinal);
        File.WriteAllText(file, "Host=127.0.0.1;Port=1;Username=u;Password=hunter2;Database=fleet");
        var unreachable = Wrong();
        Assert.Contains("PostgreSQL database fleet at 127.0.0.1:1 cannot be reached", unreachable, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", told + unreachable, StringComparison.Ordinal);
    }

    private static string Refusal(PostgresCluster cluster, string? schema = null)
    {
        using var test = schema is null ? new TestLog(cluster: cluster) : new TestLog(cluster: cluster, schema: schema);
        return Assert.Throws<StoreUnusableException>(() => test.Log).Message;
    }
}
