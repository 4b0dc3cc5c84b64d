using k8s;
using k8s.Models;

namespace FleetVibe.Agent.Discovery.Pods;

/// <summary>The pods of several namespaces as lists and streams of changes tell them. Thread safe.</summary>
internal sealed class PodTable(string prefix)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, SortedDictionary<string, DiscoveredTarget>> _targets = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _problems = new(StringComparer.Ordinal);

    /// <summary>A list: whatever is not in it is gone.</summary>
    internal DiscoveryOutcome Replace(string scope, IEnumerable<V1Pod> pods)
    {
        lock (_lock)
        {
            _problems.Remove(scope);
            var targets = new SortedDictionary<string, DiscoveredTarget>(StringComparer.Ordinal);
            foreach (var pod in pods)
            {
                if (PodTarget.Of(pod, prefix) is { } target)
                {
                    targets[PodTarget.KeyOf(pod)] = target;
                }
            }

            _targets[scope] = targets;
            return Outcome();
        }
    }

    /// <summary>One change; null where it is none to us.</summary>
    internal DiscoveryOutcome? Apply(string scope, WatchEventType type, V1Pod pod)
    {
        if (type is not (WatchEventType.Added or WatchEventType.Modified or WatchEventType.Deleted))
        {
            return null;
        }

        lock (_lock)
        {
            var targets = _targets[scope];
            var key = PodTarget.KeyOf(pod);
            if (type != WatchEventType.Deleted && PodTarget.Of(pod, prefix) is { } target)
            {
                targets[key] = target;
                return Outcome();
            }

            return targets.Remove(key) ? Outcome() : null;
        }
    }

    /// <summary>A namespace that cannot be looked at: what it held stays.</summary>
    internal DiscoveryOutcome Fail(string scope, string problem)
    {
        lock (_lock)
        {
            _problems[scope] = problem;
            return Outcome();
        }
    }

    private DiscoveryOutcome Outcome() => new(
        _targets.Count == 0 ? null : [.. _targets.OrderBy(scope => scope.Key, StringComparer.Ordinal).SelectMany(scope => scope.Value.Values)],
        string.Join("; ", _problems.Values.Distinct()));
}
