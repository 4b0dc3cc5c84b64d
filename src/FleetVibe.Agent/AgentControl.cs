using Akka.Actor;
using Akka.Hosting;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;

namespace FleetVibe.Agent;

/// <summary>Changes a running agent. Thread safe.</summary>
public sealed class AgentControl(AgentSettings first, ActorRegistry registry)
{
    private readonly Lock _lock = new();
    private AgentSettings _inForce = first;

    /// <summary>Brings into force what can change while the agent runs, see <see cref="AgentSettings.Reloaded"/>.</summary>
    public void Change(AgentSettings settings)
    {
        lock (_lock)
        {
            _inForce = _inForce.Reloaded(settings);
            registry.Get<AgentActor>().Tell(new ChangeSettings(_inForce));
        }
    }

    /// <summary>Counts a configuration that was refused, and raises an event.</summary>
    /// <param name="text">What is wrong with it, and where; no secrets.</param>
    public void ReportRefused(string text) => registry.Get<AgentActor>().Tell(new Happened(Occurrence.ConfigRefused, text));
}
