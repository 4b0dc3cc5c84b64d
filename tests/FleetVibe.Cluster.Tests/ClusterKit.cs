using Akka.Actor;
using FleetVibe.Cluster.Tests.Infrastructure;
using FleetVibe.Protocol.V1;
using Xunit.Sdk;

namespace FleetVibe.Cluster.Tests;

/// <summary>What the scenarios share: waiting for convergence, and the last check.</summary>
public abstract class ClusterKit : Akka.TestKit.Xunit2.TestKit
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);

    private protected Task Until(Func<bool> condition, string what) => AwaitAssertAsync(() => Assert.True(condition(), what), Patience, LookEvery);

    private protected Task Until(Func<Task<bool>> condition, string what) =>
        AwaitAssertAsync(async () => Assert.True(await condition(), what), Patience, LookEvery);

    /// <summary>All three are up, every agent has a session, every series has its owner, and one round of reports is committed.</summary>
    private protected async Task<LiveCluster> StartCluster(
        int agents = 3, string hocon = "", Func<Member, int, Props>? seriesPath = null)
    {
        var cluster = await LiveCluster.Start(hocon, seriesPath);
        await Until(() => cluster.Members.All(member => member.View.MembersUp == 3), "three members are up");

        // Shards that are asked for earlier would go to those that are there.
        await Until(async () => await cluster.Members[0].RegionCount() == 3, "three regions are registered");
        for (var i = 0; i < agents; i++)
        {
            cluster.AddAgent($"gpu-{i}", i);
        }

        cluster.Report();
        await Delivered(cluster);
        await Until(async () => (await Owners(cluster.Members)).Count == cluster.Series.Count, "every series has its owner");
        return cluster;
    }

    private protected async Task Delivered(LiveCluster cluster)
    {
        try
        {
            await Until(() => cluster.Agents.All(agent => agent.IsDone), "every record is acknowledged");
        }
        catch (TrueException e)
        {
            throw new XunitException($"{e.Message}: {await cluster.Describe()}", e);
        }
    }

    /// <summary>The owner of each series among the given members.</summary>
    private protected static async Task<IReadOnlyDictionary<SeriesKey, Member>> Owners(IEnumerable<Member> members)
    {
        var owners = new Dictionary<SeriesKey, Member>();
        foreach (var member in members.Where(member => member.IsAlive))
        {
            foreach (var series in await member.Owned())
            {
                owners[series] = member;
            }
        }

        return owners;
    }

    private protected static Task Check(LiveCluster cluster) =>
        cluster.Store.CheckAgainst([.. cluster.Agents.SelectMany(agent => agent.Sent)]);
}
