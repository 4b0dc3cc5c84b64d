using Akka.Remote.Transport;
using FleetVibe.Cluster.Tests.Infrastructure;

namespace FleetVibe.Cluster.Tests;

/// <summary>A member that is cut off goes on as the owner that it no longer is.</summary>
public sealed class PartitionTests : ClusterKit
{
    [Fact]
    public async Task The_late_commits_of_a_cut_off_owner_change_nothing()
    {
        await using var cluster = await StartCluster();
        var (oldest, other, zombie) = (cluster.Members[0], cluster.Members[1], cluster.Members[2]);
        Member[] survivors = [oldest, other];
        Assert.NotEmpty(await zombie.Owned());

        // Its commits leave it, and stay on the way.
        var onTheWay = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        zombie.Gateway.BeforeCommit = onTheWay.Task;
        cluster.Report();
        await Until(() => zombie.Gateway.HeldCommits > 0, "the owner commits");
        await LiveCluster.Between([zombie], survivors, Blackhole.Instance);

        await Until(() => survivors.All(member => member.View.MembersUp == 2), "the cut off member is removed");
        await Delivered(cluster);
        await Until(() => cluster.Agents.All(agent => survivors.Contains(agent.Home)), "every agent reports to a survivor");
        var lost = await cluster.Store.LostSwaps();
        var committed = await cluster.Store.Committed();
        onTheWay.SetResult();
        await Until(() => zombie.Gateway.HeldCommits == 0, "the late commits are answered");
        Assert.True(await cluster.Store.LostSwaps() > lost);
        Assert.Equal(committed, await cluster.Store.Committed());

        await LiveCluster.Between([zombie], survivors, Unthrottled.Instance);
        await Until(() => !zombie.IsAlive, "the cut off member is stopped");
        var fresh = await cluster.AddMember();
        await Until(() => fresh.View.MembersUp == 3, "three members are up again");
        cluster.Report();
        await Delivered(cluster);
        await Check(cluster);
    }

    [Theory]
    [InlineData(ThrottleTransportAdapter.Direction.Send)]
    [InlineData(ThrottleTransportAdapter.Direction.Receive)]
    public async Task A_member_that_is_heard_or_hears_in_one_direction_only_costs_nothing(ThrottleTransportAdapter.Direction lost)
    {
        await using var cluster = await StartCluster();
        var (half, others) = (cluster.Members[2], cluster.Members.Take(2).ToList());
        cluster.Report();
        await LiveCluster.Between([half], others, Blackhole.Instance, lost);
        cluster.Report();

        await Until(() => others.All(member => member.View.MembersUp == 2), "it is removed");
        await Delivered(cluster);
        await LiveCluster.Between([half], others, Unthrottled.Instance);
        await Check(cluster);
    }

    [Fact]
    public async Task A_partition_that_heals_at_once_costs_no_member()
    {
        // The product's three seconds would be a race between the heal and a busy machine.
        await using var cluster = await StartCluster(hocon: "akka.cluster.split-brain-resolver.stable-after = 20s");
        var (cut, others) = (cluster.Members[2], cluster.Members.Take(2).ToList());
        await LiveCluster.Between([cut], others, Blackhole.Instance);
        cluster.Report();
        await Until(() => others.All(member => member.View.MembersReachable == 2), "it is unreachable");
        await LiveCluster.Between([cut], others, Unthrottled.Instance);

        await Until(() => cluster.Members.All(member => member.View.MembersReachable == 3), "all reach each other again");
        await Delivered(cluster);
        await Check(cluster);
    }
}
