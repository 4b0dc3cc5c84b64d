using Akka.Actor;
using Akka.TestKit;
using FleetVibe.Aggregator.Membership;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Protocol.V1;
using Xunit.Abstractions;

namespace FleetVibe.Aggregator.Tests.Membership;

public class StrayActorTests(ITestOutputHelper output) : VirtualTimeKit(output)
{
    [Fact]
    public async Task A_look_that_fails_is_not_the_last()
    {
        var looks = 0;
        Func<IEnumerable<MemberView>> members = () =>
        {
            Interlocked.Increment(ref looks);
            return [new MemberView { Address = "a:1", Status = "Up" }];
        };
        string[] seeds = ["a:1", "nonsense:x", "nonsense:y"];
        Sys.ActorOf(Props.Create(() => new StrayActor(seeds, members, Time)));

        await AwaitAssertAsync(() =>
        {
            ((TestScheduler)Sys.Scheduler).Advance(TimeSpan.FromSeconds(5));
            Assert.InRange(Volatile.Read(ref looks), 3, int.MaxValue);
        });
    }
}
