using FleetVibe.Cluster.Tests.Infrastructure;

namespace FleetVibe.Cluster.Tests;

/// <summary>A member leaves in order, as at SIGTERM, while its commits are under way.</summary>
public sealed class HandOverTests : ClusterKit
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_member_that_leaves_costs_no_window_and_no_swap()
    {
        await using var cluster = await StartCluster();
        var leaving = cluster.Members.First(member => member != cluster.Oldest);
        Assert.NotEmpty(await leaving.Owned());
        var lost = await cluster.Store.LostSwaps();
        var answers = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        leaving.Gateway.CommitAnswer = answers.Task;
        cluster.Report();
        await Until(() => leaving.Gateway.HeldCommits > 0, "the owner commits");

        var left = leaving.Leave();
        cluster.Clock.MoveOn(Window);
        cluster.Report();
        answers.SetResult();
        await left;
        cluster.Clock.MoveOn(Window);
        cluster.Report();

        await Delivered(cluster);
        Assert.Equal(lost, await cluster.Store.LostSwaps());
        await Check(cluster);
    }

    [Fact]
    public async Task A_commit_that_arrives_after_the_hand_over_loses()
    {
        await using var cluster = await StartCluster();
        var leaving = cluster.Oldest;
        Assert.NotEmpty(await leaving.Owned());
        var onTheWay = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        leaving.Gateway.BeforeCommit = onTheWay.Task;
        cluster.Report();
        await Until(() => leaving.Gateway.HeldCommits > 0, "the owner commits");

        await leaving.Leave();
        await Delivered(cluster);
        var lost = await cluster.Store.LostSwaps();
        onTheWay.SetResult();

        await Until(() => leaving.Gateway.HeldCommits == 0, "the late commits are answered");
        Assert.True(await cluster.Store.LostSwaps() > lost);
        await Check(cluster);
    }
}
