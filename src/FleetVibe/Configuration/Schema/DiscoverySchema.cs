namespace FleetVibe.Configuration.Schema;

/// <summary>How further sources are found while the agent runs.</summary>
internal static class DiscoverySchema
{
    public const string Files = "file_sd";
    public const string Http = "http_sd";
    public const string Kubernetes = "kubernetes";

    public static SectionSpec Discovery { get; } = new(
        "discovery",
        "Sources that are found while the agent runs: in files or over HTTP as Prometheus has them, or as pods with annotations. A label of a target may name its kind, model, task, variant and name.")
    {
        IsList = true,
        Reloads = true,
        Keys =
        [
            new KeySpec("kind", new ChoiceType("kind of discovery", [Files, Http, Kubernetes], Kubernetes), "Where targets are found.") { Required = true },
            new KeySpec("files", new ListType(new PathType("/etc/fleetvibe/targets/*.yml")), "JSON, or YAML where the name ends in .yml or .yaml; the last part may hold * and ?. A file that cannot be read keeps what it held.") { OnlyFor = [Files], Required = true },
            new KeySpec("url", new UrlType(false, "\"https://inventory:8443/targets\""), "Address of the list, JSON. While it fails, what was found stays.") { OnlyFor = [Http], Required = true },
            new KeySpec("refresh", new DurationType("1s", "1h", "\"30s\""), "Time between two looks.") { OnlyFor = [Files, Http], DefaultNote = "5s for files, 60s over HTTP" },
            new KeySpec("token_file", new TokenFileType("/etc/fleetvibe/inventory.token"), "The bearer token for the list.") { OnlyFor = [Http] },
            .. ConfigurationSchema.TrustKeys("Allows the token of the list over plain http off loopback.").Select(key => key with { OnlyFor = [Http] }),
            new KeySpec("timeout", new DurationType("100ms", "1m", "\"10s\""), "After it a look has failed.") { OnlyFor = [Http], Default = "5s" },
            new KeySpec("kubeconfig", new PathType("/etc/fleetvibe/kubeconfig"), "How the API server is reached.") { OnlyFor = [Kubernetes], DefaultNote = "the pod's service account, else ~/.kube/config" },
            new KeySpec("namespaces", new ListType(new TextType("models")), "Namespaces that are looked at.") { OnlyFor = [Kubernetes], DefaultNote = "all" },
            new KeySpec("selector", new TextType("app=llm"), "Only pods with these labels, as kubectl -l takes it.") { OnlyFor = [Kubernetes], DefaultNote = "every pod" },
            new KeySpec("node_name", new TextType("gpu-node-01"), "Only pods on this node of the cluster. In a DaemonSet: FLEETVIBE__agent__discovery__0__node_name from spec.nodeName.") { OnlyFor = [Kubernetes], DefaultNote = "any" },
            new KeySpec("annotations", new TextType("example.org"), "What the annotations begin with: .../scrape: \"true\", and port, path, scheme, kind, model, task, variant.") { OnlyFor = [Kubernetes], Default = "fleetvibe.io" },
            new KeySpec("labels", new MapType(new TextType("served_model"), ["kind", "model", "task", "variant", "name"], "{ model = \"served_model\" }"), "The label that names each of these.") { DefaultNote = "each under its own name" },
        ],
        Sections = [SourceSchema.Template],
    };
}
