using Akka.Remote.Transport;
using FleetVibe.Cluster.Tests.Infrastructure;

namespace FleetVibe.Cluster.Tests;

/// <summary>Nobody resolves the split: each side takes itself for the cluster.</summary>
public sealed class SplitBrainTests : ClusterKit
{
    private const int MostRounds = 30;

    [Fact]
    public async Task Of_two_owners_at_once_only_the_winner_of_the_swap_changes_a_window()
    {
        // Nobody decides who is down, and one member is enough to be a cluster.
        await using var cluster = await StartCluster(hocon: """
            akka.cluster.downing-provider-class = ""
            akka.cluster.role.aggregator.min-nr-of-members = 1
            """);
        var alone = cluster.Members.First(member => member != cluster.Oldest);
        var others = cluster.Members.Where(member => member != alone).ToList();
        var contested = await alone.Owned();
        Assert.NotEmpty(contested);
        await LiveCluster.Between([alone], others, Blackhole.Instance);
        foreach (var other in others)
        {
            alone.Cluster.Down(other.Cluster.SelfAddress);
        }

        others[0].Cluster.Down(alone.Cluster.SelfAddress);
        await Until(() => alone.View.MembersUp == 1 && others.All(member => member.View.MembersUp == 2), "there are two clusters");
        await Until(() => cluster.Agents.Any(agent => agent.Home == alone) && cluster.Agents.Any(agent => others.Contains(agent.Home!)), "both have agents");
        await Until(async () => (await Owners(others)).Keys.Intersect(contested).Any(), "both sides own a series");

        var lost = await cluster.Store.LostSwaps();
        for (var round = 0; round < MostRounds && await cluster.Store.LostSwaps() == lost; round++)
        {
            cluster.Report();
            await Delivered(cluster);
        }

        Assert.True(await cluster.Store.LostSwaps() > lost, "the two never met");
        await Check(cluster);
    }
}
