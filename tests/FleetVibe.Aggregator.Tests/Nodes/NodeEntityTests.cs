using Akka.Actor;
using Akka.TestKit;
using FleetVibe.Aggregator.Nodes;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Protocol.V1;
using Xunit.Abstractions;

namespace FleetVibe.Aggregator.Tests.Nodes;

public class NodeEntityTests(ITestOutputHelper output) : VirtualTimeKit(output)
{
    [Fact]
    public async Task A_node_is_published_on_when_the_clock_is_set_back()
    {
        var published = CreateTestProbe();
        Action<object> publish = message => published.Ref.Tell(message);
        var entity = Sys.ActorOf(Props.Create(() => new NodeEntity("gpu-1", TimeSpan.FromSeconds(30), new FakeGateway(), Time, publish)));
        entity.Tell(new NodeHeartbeat { Node = "gpu-1", Session = "s1", Instance = Wire.InstanceBytes("gpu-1"), Heartbeat = new Heartbeat() });
        Assert.Equal(NodeReachability.Reporting, (await published.ExpectMsgAsync<NodeChanged>()).Node.Reachability);

        Time.SetBack(TimeSpan.FromHours(1));
        await Pass(TimeSpan.FromSeconds(32), entity);
        Assert.Equal(NodeReachability.Unreachable, (await Last(published)).Reachability);
    }

    private static async Task<NodeView> Last(TestProbe published)
    {
        var last = await published.ExpectMsgAsync<NodeChanged>();
        while (published.HasMessages)
        {
            last = await published.ExpectMsgAsync<NodeChanged>();
        }

        return last.Node;
    }
}
