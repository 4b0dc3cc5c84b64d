using Akka.Actor;

namespace FleetVibe.Agent.Printing;

/// <summary>Has an agent that prints collect now. Thread safe.</summary>
public sealed class AgentPrompts
{
    private volatile IActorRef _agent = ActorRefs.Nobody;

    /// <summary>
    /// Every source collects once; while a round is under way this is dropped, never queued. From the first one on the agent
    /// no longer collects by its own clock.
    /// </summary>
    public void Collect() => _agent.Tell(AgentActor.Collect.Instance);

    internal void Attach(IActorRef agent) => _agent = agent;
}
