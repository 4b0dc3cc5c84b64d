using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Changing;
using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Sources;

namespace FleetVibe.Agent;

/// <summary>Sources that are found beside those that are configured.</summary>
internal sealed partial class AgentActor
{
    private readonly Dictionary<string, (DiscoverySettings Settings, IActorRef Actor)> _discoveries = [];
    private readonly Dictionary<string, IReadOnlyList<SourceSettings>> _found = [];
    private readonly HashSet<string> _clashes = new(StringComparer.Ordinal);

    private AgentSettings Wanted()
    {
        var found = _configured.Discoveries.Where(discovery => _found.ContainsKey(discovery.Key)).Select(discovery => (discovery.Key, _found[discovery.Key]));
        var (sources, clashes) = SourceSet.Merge(_configured.Sources, found);
        foreach (var clash in clashes.Where(_clashes.Add))
        {
            _log.Warning("{0}", clash);
        }

        _clashes.IntersectWith(clashes);
        return _configured with { Sources = sources };
    }

    // One whose settings changed goes on with what it found, until it found something else.
    private void StartDiscoveries()
    {
        var wanted = _configured.Discoveries.ToDictionary(discovery => discovery.Key, StringComparer.Ordinal);
        foreach (var (key, running) in _discoveries.ToList())
        {
            if (!wanted.TryGetValue(key, out var settings))
            {
                _found.Remove(key);
            }

            if (!SettingsEquality.Same(settings, running.Settings))
            {
                Context.Stop(running.Actor);
                _discoveries.Remove(key);
            }
        }

        foreach (var (key, settings) in wanted.Where(discovery => !_discoveries.ContainsKey(discovery.Key)))
        {
            _discoveries[key] = (settings, Context.ActorOf(DiscoveryActor.CreateProps(settings, _finders, _time)));
        }
    }

    private void StopDiscoveries()
    {
        foreach (var (_, actor) in _discoveries.Values)
        {
            Context.Stop(actor);
        }

        _discoveries.Clear();
    }

    private void OnFound(DiscoveryActor.TargetsFound found)
    {
        if (!_discoveries.TryGetValue(found.Discovery, out var discovery) || !discovery.Actor.Equals(Sender)
            || (_found.TryGetValue(found.Discovery, out var before) && SettingsEquality.Same(before, found.Sources)))
        {
            return;
        }

        _found[found.Discovery] = found.Sources;
        OnWantedChanged();
    }
}
