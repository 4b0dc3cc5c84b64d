using FleetVibe.Agent.Discovery;
using FleetVibe.Configuration.Schema;
using FleetVibe.Configuration.Values;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Configuration.Binding;

/// <summary>Where the agent finds further sources, out of [[agent.discovery]].</summary>
internal static class DiscoveryBinder
{
    public const string Path = "agent.discovery";

    public static IReadOnlyList<DiscoverySettings> Bind(SectionReader reader, Origin otherwise, ICollection<SectionValues> read)
    {
        List<(DiscoverySettings Discovery, Origin Origin)> bound = [];
        foreach (var (section, index) in reader.ReadList(Path, otherwise))
        {
            read.Add(section);
            var source = reader.ReadInner(Path, index, "source", section.Origin);
            read.Add(source);
            if (section.Find<string>("kind") is { } kind && Bind(section, kind, source, reader.Findings) is { } discovery)
            {
                bound.Add((discovery, section.Origin));
            }
        }

        foreach (var same in bound.GroupBy(b => b.Discovery.Key).SelectMany(group => group.Skip(1)))
        {
            var first = bound.Find(b => b.Discovery.Key == same.Discovery.Key).Origin;
            reader.Findings.Error(same.Origin, $"the {same.Discovery.Kind} at {first} looks at {same.Discovery.Place} already: take one out, or make one of them");
        }

        return [.. bound.Select(b => b.Discovery)];
    }

    private static DiscoverySettings? Bind(SectionValues section, string kind, SectionValues source, Findings findings)
    {
        SourceBinder.RequireOwnKeys(section, kind, findings);
        var template = Template(section, source, findings);
        return template is null ? null : kind switch
        {
            DiscoverySchema.Files => OfFiles(section, template),
            DiscoverySchema.Http => OverHttp(section, template, findings),
            DiscoverySchema.Kubernetes => new KubernetesDiscoverySettings
            {
                Source = template,
                Kubeconfig = section.Find<string>("kubeconfig"),
                Namespaces = section.List<string>("namespaces"),
                Selector = section.Find<string>("selector"),
                NodeName = section.Find<string>("node_name"),
                Prefix = section.Find<string>("annotations")!.TrimEnd('/'),
            },
            _ => throw new ArgumentException($"the schema knows a kind of discovery that nothing binds: {kind}", nameof(kind)),
        };
    }

    private static SourceTemplate? Template(SectionValues section, SectionValues source, Findings findings)
    {
        var chosen = source.Find<string>("path");
        var path = chosen ?? SourceTemplate.PathOf(source.Find<string>("kind"));
        if (!path.StartsWith('/'))
        {
            findings.Error(source.OriginOf("path"), $"path = \"{path}\" must begin with a slash: write path = \"/{path}\"");
            return null;
        }

        var prototype = SourceBinder.Template(source, new Uri($"{source.Find<string>("scheme") ?? "http"}://target{path}"), findings);
        var labels = new Dictionary<string, string>(SourceTemplate.DefaultLabels);
        foreach (var (setting, label) in section.Map("labels"))
        {
            labels[setting] = label;
        }

        return prototype is null ? null : new SourceTemplate(prototype) { Labels = labels, HasPath = chosen is not null };
    }

    private static FileDiscoverySettings? OfFiles(SectionValues section, SourceTemplate template)
    {
        var files = new FileDiscoverySettings { Source = template, Files = section.List<string>("files") };
        return files.Files.Count == 0 ? null : files with { Refresh = section.Find<object>("refresh") as TimeSpan? ?? files.Refresh };
    }

    private static HttpDiscoverySettings? OverHttp(SectionValues section, SourceTemplate template, Findings findings)
    {
        if (section.Find<Uri>("url") is not { } url)
        {
            return null;
        }

        TransportBinder.WarnWhenInsecure(section, findings);
        var http = new HttpDiscoverySettings
        {
            Source = template,
            Url = url,
            Token = section.Find<BearerToken>("token_file"),
            CaFile = section.Find<string>("ca_file"),
            Insecure = section.Find<bool>("insecure"),
            Timeout = section.Find<TimeSpan>("timeout"),
        };
        if (section.IsWritten("token_file") && url.Scheme != Uri.UriSchemeHttps && !PeerTrust.IsLoopback(url) && !http.Insecure)
        {
            findings.Error(section.OriginOf("url"), "url is plain http to another machine, where its token could be read: use https, or set insecure = true");
        }

        return http with { Refresh = section.Find<object>("refresh") as TimeSpan? ?? http.Refresh };
    }
}
