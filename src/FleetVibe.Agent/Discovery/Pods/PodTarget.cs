using System.Globalization;
using k8s.Models;

namespace FleetVibe.Agent.Discovery.Pods;

/// <summary>
/// The target that a pod is. With the default prefix a pod asks for it by <c>fleetvibe.io/scrape: "true"</c>; beside it
/// <c>port</c> (else its first container port), <c>path</c>, <c>scheme</c>, <c>kind</c>, <c>model</c>, <c>task</c> and
/// <c>variant</c>. Further labels are named as Prometheus names them, <c>__meta_kubernetes_pod_label_app</c>. Pure.
/// </summary>
internal static class PodTarget
{
    /// <summary>Null where the pod does not ask to be read, has no address yet, or has come to its end.</summary>
    internal static DiscoveredTarget? Of(V1Pod pod, string prefix)
    {
        var annotations = pod.Metadata.Annotations ?? new Dictionary<string, string>();
        string? Asked(string name) => annotations.TryGetValue($"{prefix}/{name}", out var value) && value.Length > 0 ? value : null;

        if (!bool.TryParse(Asked("scrape"), out var wanted) || !wanted
            || pod.Status?.PodIP is not { Length: > 0 } address || pod.Status.Phase is "Succeeded" or "Failed")
        {
            return null;
        }

        var host = address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address;
        var port = Asked("port") ?? FirstPort(pod);
        var labels = new Dictionary<string, string>(StringComparer.Ordinal) { ["name"] = KeyOf(pod) };
        foreach (var name in new[] { "kind", "model", "task", "variant" })
        {
            AddIfThere(labels, name, Asked(name));
        }

        AddIfThere(labels, "__scheme__", Asked("scheme"));
        AddIfThere(labels, "__metrics_path__", Asked("path"));
        AddIfThere(labels, "__meta_kubernetes_namespace", pod.Metadata.NamespaceProperty);
        AddIfThere(labels, "__meta_kubernetes_pod_name", pod.Metadata.Name);
        AddIfThere(labels, "__meta_kubernetes_pod_node_name", pod.Spec?.NodeName);
        foreach (var (kind, values) in new[] { ("label", pod.Metadata.Labels), ("annotation", annotations) })
        {
            foreach (var (name, value) in values ?? new Dictionary<string, string>())
            {
                labels[$"__meta_kubernetes_pod_{kind}_{Plain(name)}"] = value;
            }
        }

        return new DiscoveredTarget(port is null ? host : $"{host}:{port}", labels);
    }

    internal static string KeyOf(V1Pod pod) => $"{pod.Metadata.NamespaceProperty}/{pod.Metadata.Name}";

    private static string? FirstPort(V1Pod pod) =>
        pod.Spec?.Containers?.SelectMany(container => container.Ports ?? []).FirstOrDefault()?.ContainerPort.ToString(CultureInfo.InvariantCulture);

    private static void AddIfThere(Dictionary<string, string> labels, string name, string? value)
    {
        if (value is not null)
        {
            labels[name] = value;
        }
    }

    private static string Plain(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
}
