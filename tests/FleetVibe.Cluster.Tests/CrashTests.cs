using Akka.Actor;
using FleetVibe.Cluster.Tests.Infrastructure;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Cluster.Tests;

/// <summary>A member dies without a word.</summary>
public sealed class CrashTests : ClusterKit
{
    [Fact]
    public async Task The_oldest_member_may_die_with_commits_on_the_way()
    {
        await using var cluster = await StartCluster();
        var oldest = cluster.Oldest;
        Assert.NotEmpty(await oldest.Owned());
        var onTheWay = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        oldest.Gateway.BeforeCommit = onTheWay.Task;
        cluster.Report();
        await Until(() => oldest.Gateway.HeldCommits > 0, "the oldest commits");

        oldest.Crash();
        cluster.Report();

        await Until(() => cluster.Members.All(member => !member.IsAlive || member.View.MembersUp == 2), "it is removed");
        await Delivered(cluster);

        // What it had sent arrives last of all.
        onTheWay.SetResult();
        await Until(() => oldest.Gateway.HeldCommits == 0, "the commits on the way are answered");
        await cluster.AddMember();
        cluster.Report();
        await Delivered(cluster);
        await Check(cluster);
    }

    [Fact]
    public async Task A_new_owner_answers_nothing_before_it_has_loaded_the_open_windows()
    {
        await using var cluster = await StartCluster();
        var owner = cluster.Members.First(member => member != cluster.Oldest);
        var survivors = cluster.Members.Where(member => member != owner).ToList();
        var series = (await owner.Owned())[0];
        var committed = cluster.Agents[0].Sent.First(sent => sent.Key.Series.Equals(series));
        var loaded = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        foreach (var survivor in survivors)
        {
            survivor.Gateway.OpenWindowsAnswer = loaded.Task;
            survivor.Gateway.Calls.Clear();
        }

        owner.Crash();
        cluster.Report();
        await Until(() => survivors.Exists(member => CallsFor(member, series).Any()), "another member takes the series over");
        var successor = survivors.Find(member => CallsFor(member, series).Any())!;
        var session = CreateTestProbe(successor.System);
        var entity = await EntityOf(successor, series);
        entity.Tell(Contribution(committed), session);
        entity.Tell(new Identify(series), session);

        await session.ExpectMsgAsync<ActorIdentity>(TimeSpan.FromSeconds(30));
        Assert.All(CallsFor(successor, series), call => Assert.Equal(nameof(MemberGateway.LoadOpenWindows), call));

        loaded.SetResult();
        var answer = await session.ExpectMsgAsync<ContributionSettled>(TimeSpan.FromSeconds(30));
        Assert.Equal((Fate.Committed, true), (answer.Fate, answer.Duplicate));
        await Delivered(cluster);
        await Check(cluster);
    }

    private static IEnumerable<string> CallsFor(Member member, SeriesKey series) =>
        member.Gateway.Calls.Where(call => call.Of == series.Model).Select(call => call.Call);

    private static Task<IActorRef> EntityOf(Member member, SeriesKey series)
    {
        var id = SeriesEntityId.Of(series);
        return member.System.ActorSelection($"/system/sharding/{ClusterNames.SeriesRegion}/{ClusterNames.ShardOf(id)}/{Uri.EscapeDataString(id)}")
            .ResolveOne(TimeSpan.FromSeconds(30));
    }

    private static MergeContribution Contribution(SentContribution sent) => new()
    {
        Key = sent.Key,
        Record = sent.Record.ToWire(),
        Totals = sent.Totals,
        ContentHash = TotalsMapper.ContentHash(sent.Totals),
    };
}
