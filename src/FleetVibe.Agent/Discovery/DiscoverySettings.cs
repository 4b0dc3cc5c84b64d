using FleetVibe.Agent.Sources;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Agent.Discovery;

/// <summary>One way of finding targets, and the source that each of them becomes.</summary>
public abstract record DiscoverySettings
{
    /// <summary>As in the configuration.</summary>
    public abstract string Kind { get; }

    /// <summary>Where it looks, for messages; no secrets.</summary>
    public abstract string Place { get; }

    public required SourceTemplate Source { get; init; }

    /// <summary>Unique on a node.</summary>
    public string Key => $"{Kind}:{Place}";
}

/// <summary>What every found target has in common; its labels say the rest.</summary>
/// <param name="Prototype">Its endpoint gives scheme, path and query; host and port are those of the target.</param>
public sealed record SourceTemplate(HttpSourceSettings Prototype)
{
    /// <summary>Which label of a target gives which setting: kind, model, task, variant, name.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = DefaultLabels;

    /// <summary>Whether the endpoint's path was chosen; where not, it is that of the kind which a target turns out to be.</summary>
    public bool HasPath { get; init; }

    /// <summary>Each setting in the label of its own name.</summary>
    public static IReadOnlyDictionary<string, string> DefaultLabels { get; } =
        new[] { "kind", "model", "task", "variant", "name" }.ToDictionary(name => name, StringComparer.Ordinal);

    /// <summary>Where a server of that kind has its page, unless something else is said.</summary>
    public static string PathOf(string? kind) => kind switch
    {
        EngineSourceSettings.Auto => "/",
        "trtllm" => "/prometheus/metrics",
        _ => "/metrics",
    };
}

/// <summary>Files as Prometheus' <c>file_sd_config</c> has them.</summary>
public sealed record FileDiscoverySettings : DiscoverySettings
{
    public override string Kind => "file_sd";

    public override string Place => string.Join(", ", Files);

    /// <summary>Paths; the last part may hold <c>*</c> and <c>?</c>. JSON, or YAML where the name ends in .yml or .yaml.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>Time between two looks.</summary>
    public TimeSpan Refresh { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>A list of targets over HTTP, as Prometheus' <c>http_sd_config</c> has it.</summary>
public sealed record HttpDiscoverySettings : DiscoverySettings
{
    public override string Kind => "http_sd";

    public override string Place => Url.GetLeftPart(UriPartial.Path);

    public required Uri Url { get; init; }

    public BearerToken? Token { get; init; }

    /// <summary>PEM file of the authorities to trust; null means the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>Allows a bearer token over plain http off loopback.</summary>
    public bool Insecure { get; init; }

    /// <summary>Time between two looks.</summary>
    public TimeSpan Refresh { get; init; } = TimeSpan.FromSeconds(60);

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>Pods that ask to be watched by their annotations; see <see cref="Pods.PodTarget"/>.</summary>
public sealed record KubernetesDiscoverySettings : DiscoverySettings
{
    public override string Kind => "kubernetes";

    public override string Place => Namespaces.Count == 0 ? "all namespaces" : string.Join(", ", Namespaces);

    /// <summary>Null means the pod's own service account, else the user's default file.</summary>
    public string? Kubeconfig { get; init; }

    /// <summary>Empty means all.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary>As <c>kubectl -l</c> takes it; null means every pod.</summary>
    public string? Selector { get; init; }

    /// <summary>Only pods on this node of the cluster; null means on any.</summary>
    public string? NodeName { get; init; }

    /// <summary>What the annotations begin with, without the slash.</summary>
    public string Prefix { get; init; } = "fleetvibe.io";

    /// <summary>Time until a stream that broke is opened anew, with a fresh list.</summary>
    public TimeSpan Retry { get; init; } = TimeSpan.FromSeconds(5);
}
