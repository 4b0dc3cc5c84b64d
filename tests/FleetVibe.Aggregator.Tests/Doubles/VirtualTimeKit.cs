using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit;
using FleetVibe.Protocol.Cluster;
using Xunit.Abstractions;

namespace FleetVibe.Aggregator.Tests.Doubles;

/// <summary>Actors on virtual time. Every message that is not marked as local goes through its serializer.</summary>
public abstract class VirtualTimeKit(ITestOutputHelper output) : Akka.TestKit.Xunit2.TestKit(Config(), output: output)
{
    protected SetClock Time { get; } = new(DateTimeOffset.UnixEpoch.AddSeconds(1_000_000));

    private TestScheduler Scheduler => (TestScheduler)Sys.Scheduler;

    /// <summary>Lets time pass in steps below every timer's period; the actor has handled its ticks afterwards.</summary>
    protected async Task Pass(TimeSpan span, IActorRef actor)
    {
        await actor.Ask<ActorIdentity>(new Identify(0), TimeSpan.FromSeconds(10));
        var step = TimeSpan.FromMilliseconds(250);
        for (var passed = TimeSpan.Zero; passed < span; passed += step)
        {
            Time.Advance(step);
            Scheduler.Advance(step);
            await actor.Ask<ActorIdentity>(new Identify(0), TimeSpan.FromSeconds(10));
        }
    }

    private static Config Config()
    {
        var bindings = string.Join('\n', ClusterMessageSerializer.MessageTypes.Select(type => $"\"{type.FullName}, {type.Assembly.GetName().Name}\" = fleetvibe"));
        return ConfigurationFactory.ParseString($$"""
            akka {
              scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit"
              actor {
                serialize-messages = on
                serializers.fleetvibe = "{{typeof(ClusterMessageSerializer).FullName}}, {{typeof(ClusterMessageSerializer).Assembly.GetName().Name}}"
                serialization-bindings {
                  {{bindings}}
                }
              }
            }
            """);
    }
}
