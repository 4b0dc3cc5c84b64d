using Akka.Actor;
using FleetVibe.Cluster.Tests.Infrastructure;

namespace FleetVibe.Cluster.Tests;

/// <summary>Between session and series entity anything may be lost, doubled or late, and the gateway's answers too.</summary>
public sealed class LossyPathTests : ClusterKit
{
    private const double OnThePath = 0.1;
    private const double OnTheLink = 0.05;

    // A link that loses one message in twenty is no member that is gone.
    private const string Patient = "akka.cluster.failure-detector.acceptable-heartbeat-pause = 20s";

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Lost_and_doubled_messages_change_no_total(int seed)
    {
        await using var cluster = await StartCluster(hocon: Patient, seriesPath: (member, number) =>
            Props.Create(() => new LossyPath(member.SeriesRegion, (seed * 100) + number, OnThePath, OnThePath, true)));
        foreach (var member in cluster.Members)
        {
            foreach (var other in cluster.Members.Where(other => other != member))
            {
                await member.Drop(other, OnTheLink, OnTheLink);
            }
        }

        for (var round = 0; round < 2; round++)
        {
            cluster.Report();
            cluster.Members[round].Gateway.LoseAnswers(5);
            await Delivered(cluster);
        }

        await Check(cluster);
    }

    [Fact]
    public async Task A_gateway_that_is_away_for_a_while_delays_and_changes_nothing()
    {
        await using var cluster = await StartCluster();
        foreach (var member in cluster.Members)
        {
            member.Gateway.IsDown = true;
        }

        cluster.Report();
        await Until(() => cluster.Members.All(member => member.Gateway.Calls.Count(call => call.Call == nameof(MemberGateway.Commit)) > 1), "commits were tried");
        Assert.DoesNotContain(cluster.Agents, agent => agent.IsDone);
        foreach (var member in cluster.Members)
        {
            member.Gateway.LoseAnswers(3);
            member.Gateway.IsDown = false;
        }

        await Delivered(cluster);
        await Check(cluster);
    }
}
