using Outcome = FleetVibe.Protocol.V1.AdmitInstanceReply.Types.Outcome;

namespace FleetVibe.Gateway.Tests.Store;

public sealed class InstanceTests : IDisposable
{
    private readonly TestLog _test = new();

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task Instances_of_a_node_are_numbered_in_the_order_of_first_sight()
    {
        Assert.Equal(1UL, (await _test.AdmitAsync(instance: 1)).InstanceOrdinal);
        _test.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(2UL, (await _test.AdmitAsync(instance: 2)).InstanceOrdinal);
        _test.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1UL, (await _test.AdmitAsync(instance: 1)).InstanceOrdinal);
        Assert.Equal(1UL, (await _test.AdmitAsync("gpu-2", instance: 1)).InstanceOrdinal);
    }

    [Fact]
    public async Task A_name_is_refused_to_another_instance_while_its_holder_was_heard()
    {
        await _test.AdmitAsync(instance: 1);
        _test.Clock.Advance(TimeSpan.FromSeconds(10));
        await _test.AdmitAsync(instance: 1);
        _test.Clock.Advance(TimeSpan.FromSeconds(10));

        var refused = await _test.AdmitAsync(instance: 2);
        Assert.Equal(Outcome.HeldByAnother, refused.Outcome);
        Assert.Contains("gpu-1", refused.Text, StringComparison.Ordinal);

        _test.Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(Outcome.Admitted, (await _test.AdmitAsync(instance: 2)).Outcome);
        Assert.Equal(Outcome.HeldByAnother, (await _test.AdmitAsync(instance: 1)).Outcome);
    }

    [Fact]
    public async Task A_spool_that_went_back_in_time_is_recognised_after_a_restart_too()
    {
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(40, 3));
        _test.Reopen();

        var back = await _test.AdmitAsync(nextSeq: 40, renew: false);
        Assert.Equal((Outcome.RolledBack, 40UL), (back.Outcome, back.HighestSeq));
        Assert.Equal(Outcome.Admitted, (await _test.AdmitAsync(nextSeq: 41, renew: false)).Outcome);
        Assert.Equal(Outcome.Admitted, (await _test.AdmitAsync(nextSeq: 1, renew: true)).Outcome);
    }

    [Fact]
    public async Task A_new_spool_of_a_known_node_whose_logs_are_read_from_the_start_is_a_lost_one()
    {
        Task<AdmitInstanceReply> ReadsFromStartAsync(byte instance) => _test.Log.AdmitInstanceAsync(
            new AdmitInstanceRequest { Node = "gpu-1", Instance = TestLog.Instance(instance), NextSeq = 1, Floor = 1, ReadsFromStart = true });
        Assert.Equal(Outcome.Admitted, (await ReadsFromStartAsync(1)).Outcome);

        // Who was refused the name has held nothing.
        Assert.Equal(Outcome.HeldByAnother, (await ReadsFromStartAsync(2)).Outcome);
        Assert.Equal(Outcome.Admitted, (await ReadsFromStartAsync(1)).Outcome);

        _test.Clock.Advance(TimeSpan.FromMinutes(1));
        var lost = await ReadsFromStartAsync(2);
        Assert.Equal(Outcome.RolledBack, lost.Outcome);
        Assert.Contains("would count twice", lost.Text, StringComparison.Ordinal);
        Assert.Equal(Outcome.Admitted, (await _test.AdmitAsync(instance: 3, nextSeq: 1, renew: false)).Outcome);
    }

    [Fact]
    public async Task Requests_are_counted_for_each_spool_beside_the_act()
    {
        await _test.AdmitAsync(instance: 1);
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        _test.Clock.Advance(TimeSpan.FromMinutes(1));
        await _test.AdmitAsync(instance: 2);
        await _test.CommitAsync(1, TestLog.Totals(10), TestLog.Part(2, 2), TestLog.Part(1, 5, instance: 2));
        await _test.CommitAsync(1, TestLog.Totals(10), TestLog.Part(1, 5, instance: 2));

        var node = Assert.Single((await _test.Log.StatusAsync()).Nodes);
        Assert.Equal((10UL, 2U, 10UL), (node.Committed, node.Spools, node.SpoolsCommitted));
        Assert.Equal((TestLog.Instance(2), 5UL), (node.PresentSpool, node.PresentCommitted));
    }

    [Fact]
    public async Task A_log_of_the_third_schema_knows_the_only_spool_of_a_node_and_not_two_apart()
    {
        await _test.AdmitAsync(instance: 1);
        await _test.AdmitAsync("gpu-2", instance: 4);
        await _test.AdmitAsync("gpu-3", instance: 5);
        await _test.CommitAsync(
            0, TestLog.Totals(17), TestLog.Part(1, 3), TestLog.Part(1, 5, instance: 2), TestLog.Part(1, 9, "gpu-2", instance: 4));
        await _test.Log.Writer.RunAsync(db =>
        {
            db.Execute("ALTER TABLE instances DROP COLUMN committed");
            return db.Execute("UPDATE meta SET schema_version = 3");
        });

        _test.Reopen();
        await _test.CommitAsync(1, TestLog.Totals(20), TestLog.Part(2, 2, "gpu-2", instance: 4), TestLog.Part(1, 1, "gpu-3", instance: 5));

        var nodes = (await _test.Log.StatusAsync()).Nodes;
        Assert.Equal([(8UL, false, false), (11UL, true, true), (1UL, true, true)], nodes.Select(n => (n.Committed, n.HasSpoolsCommitted, n.HasPresentCommitted)));
        Assert.Equal([11UL, 1UL], nodes.Skip(1).Select(n => n.PresentCommitted));
        Assert.Equal([11UL, 1UL], nodes.Skip(1).Select(n => n.SpoolsCommitted));
    }

    [Fact]
    public async Task Only_the_holders_points_are_taken()
    {
        Assert.Null(await _test.PutAsync(1, TestLog.NodePoint()));
        await _test.AdmitAsync(instance: 1);
        _test.Clock.Advance(TimeSpan.FromMinutes(1));
        await _test.AdmitAsync(instance: 2);

        Assert.Equal(1, (await _test.PutAsync(5, TestLog.NodePoint(), instance: 1))!.Value.Rejected);
        Assert.Equal(0, (await _test.PutAsync(1, TestLog.NodePoint(), instance: 2))!.Value.Rejected);
        Assert.Equal(new PointRevision(2, 1), Assert.Single((await _test.BeginAsync())!.Lines).Revision);
    }
}
