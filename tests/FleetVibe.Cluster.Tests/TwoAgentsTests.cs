using FleetVibe.Cluster.Tests.Infrastructure;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Cluster.Tests;

/// <summary>Two agents, one node name. The lease is the store's, so the member that grants it may change.</summary>
public sealed class TwoAgentsTests : ClusterKit
{
    private const string Node = "gpu-0";
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    // The hand-over takes real time, which must not use the lease up.
    private static readonly TimeSpan Spare = TimeSpan.FromSeconds(14);

    [Fact]
    public async Task The_second_agent_of_a_name_waits_until_the_lease_of_the_first_has_lapsed()
    {
        await using var cluster = await StartCluster(agents: 1);
        var first = cluster.Agents[0];
        var second = cluster.AddAgent(Node, 1);
        cluster.Report();
        await Until(() => IsRefused(second, after: 0), "the second is refused");
        await Until(() => first.IsDone, "the first is served");

        // The first is gone, and the next entity of the node never heard of it: only the lease in the store speaks for it.
        await first.DisposeAsync();
        cluster.Clock.MoveOn(-Spare);
        var granting = (await Task.WhenAll(cluster.Members.Select(async member => (member, owns: await member.OwnsNode(Node))))).Single(found => found.owns).member;
        await granting.Leave();
        var refusals = second.Refusals.Count;
        await Until(() => IsRefused(second, refusals), "the second is refused again");
        Assert.False(second.IsDone);

        cluster.Clock.MoveOn(Spare + Lease);
        await Delivered(cluster);
        Assert.NotNull(second.Home);
        await Check(cluster);
    }

    private static bool IsRefused(PlayedAgent agent, int after) =>
        agent.Refusals.Skip(after).Any(refused => refused.Reason == Refused.Types.Reason.NodeHeld);
}
