using FleetVibe.Agent.Sources;

namespace FleetVibe.Agent.Discovery;

/// <summary>What one discovery finds at this moment.</summary>
/// <param name="Problem">Why something could not be looked at, with place and cure; empty where all was.</param>
/// <param name="LeftOut">Targets that become no source, each with the reason.</param>
public sealed record DiscoveryLook(DiscoverySettings Discovery, IReadOnlyList<SourceSettings> Sources, string Problem, IReadOnlyList<string> LeftOut);

/// <summary>One look at what discoveries find, for <c>check</c>.</summary>
public static class DiscoveryProbe
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static async Task<DiscoveryLook> LookAsync(DiscoverySettings discovery, TimeProvider time, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        var outcome = DiscoveryOutcome.Failed($"no answer within {Patience.TotalSeconds:0} s: check that {discovery.Place} can be reached");

        // Each namespace tells on its own.
        var awaited = discovery is KubernetesDiscoverySettings { Namespaces.Count: > 1 } kubernetes ? kubernetes.Namespaces.Count : 1;
        try
        {
            await foreach (var looked in Finders.Factory(discovery, time).WatchAsync(either.Token))
            {
                outcome = looked;
                if (--awaited == 0)
                {
                    break;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // What is known by now is what is shown.
        }

        await either.CancelAsync();
        var (sources, leftOut) = TargetSources.Of(discovery.Source, outcome.Targets ?? []);
        return new DiscoveryLook(discovery, sources, outcome.Problem, leftOut);
    }

    /// <summary>The settings with what was found, and what of it would not be read because something else reads it.</summary>
    public static (AgentSettings Settings, IReadOnlyList<string> Clashes) WithFound(AgentSettings settings, IReadOnlyList<DiscoveryLook> looks)
    {
        var (sources, clashes) = SourceSet.Merge(settings.Sources, looks.Select(look => (look.Discovery.Key, look.Sources)));
        return (settings with { Sources = sources }, clashes);
    }
}
