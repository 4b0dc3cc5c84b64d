using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.Kernel;
using FleetVibe.Agent.Sources.Push;
using FleetVibe.Configuration.Schema;
using FleetVibe.Configuration.Values;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Configuration.Binding;

/// <summary>The sources of the agent, out of [[agent.sources]] and out of blocks of a Telegraf configuration.</summary>
internal static class SourceBinder
{
    public const string SourcesPath = "agent.sources";
    public const string InputsPath = "inputs.vibe_thinker";

    private const string DefaultModel = "vibethinker-1.5b";
    private const string DefaultTask = "algorithm_reasoning";

    public static IReadOnlyList<SourceSettings> Bind(SectionReader reader, Origin otherwise, ICollection<SectionValues> read)
    {
        List<(SourceSettings Source, Origin Origin)> bound = [];
        foreach (var (section, index) in reader.ReadList(SourcesPath, otherwise))
        {
            read.Add(section);
            if (section.Find<string>("kind") is not { } kind)
            {
                continue;
            }

            RequireOwnKeys(section, kind, reader.Findings);
            var fields = reader.ReadInner(SourcesPath, index, "fields", section.Origin);
            if (kind == SourceSchema.JsonLog)
            {
                read.Add(fields);
            }
            else if (fields.Spec.Keys.Any(k => fields.IsWritten(k.Name)))
            {
                reader.Findings.Error(fields.Origin, $"fields belongs to sources of kind {SourceSchema.JsonLog}, not to {kind}: take it out");
            }

            if ((kind == SourceSchema.Proxy ? ProxyBinder.Bind(section, reader) : Bind(section, kind, fields, reader.Findings)) is { } source)
            {
                bound.Add((source, section.Origin));
            }
        }

        foreach (var (section, _) in reader.ReadList(InputsPath, otherwise))
        {
            read.Add(section);
            if (VibeThinker(section, reader.Findings) is { } source)
            {
                bound.Add((source, section.Origin));
            }
        }

        RequireDistinct(bound, reader.Findings);
        ProxyBinder.RequireDistinct(bound, reader.Findings);
        return GpuSourceBinder.TellOomKillsOnce([.. bound.Select(b => b.Source)]);
    }

    private static SourceSettings? Bind(SectionValues section, string kind, SectionValues fields, Findings findings) => kind switch
    {
        SourceSchema.JsonLog => LogBinder.Bind(section, fields, findings) is { } log ? Named(log, section) : null,
        _ when SourceSchema.Engines.Contains(kind) => Engine(section, kind, findings),
        SourceSchema.VibeThinker => VibeThinker(section, findings),
        SourceSchema.Dcgm => section.Find<Uri>("endpoint") is { } endpoint ? OverHttp(Named(new DcgmSourceSettings { Endpoint = endpoint }, section), section, findings) : null,
        SourceSchema.NvidiaSmi => GpuSourceBinder.Nvidia(Named(new NvidiaSmiSourceSettings(), section), section, findings),
        SourceSchema.Nvml => GpuSourceBinder.Nvidia(Named(new NvmlSourceSettings { Library = section.Find<string>("library")! }, section), section, findings),
        _ when GpuTools.Kinds.Contains(kind) => GpuSourceBinder.Tool(Named(new GpuToolSourceSettings(kind), section), section),
        KernelSourceSettings.KindName => GpuSourceBinder.Kernel(Named(new KernelSourceSettings(), section), section, findings),
        CollectorSchema.Exec => CollectorBinder.Exec(section, findings) is { } command ? Named(command, section) : null,
        CollectorSchema.Push => CollectorBinder.Push(section, findings) is { } push ? Named(push, section) : null,
        _ => throw new ArgumentException($"the schema knows a kind that nothing binds: {kind}", nameof(kind)),
    };

    private static EngineSourceSettings? Engine(SectionValues section, string kind, Findings findings)
    {
        if (section.Find<Uri>("endpoint") is not { } endpoint || Engine(section, kind, endpoint, findings) is not { } source)
        {
            return null;
        }

        if (source.Model is null && !EngineKinds.NamesModel(source))
        {
            findings.Missing(section.Origin, $"[[agent.sources]] of kind {kind} needs model, e.g. model = \"qwen3-4b\": its page does not name the model");
        }

        return source;
    }

    // Null where its families are wrong.
    private static EngineSourceSettings? Engine(SectionValues section, string kind, Uri endpoint, Findings findings)
    {
        if (kind == SourceSchema.Vllm)
        {
            return OverHttp(Named(new VllmSourceSettings { Endpoint = endpoint }, section), section, findings);
        }

        if (kind == EngineSourceSettings.Generic && !section.IsWritten("families"))
        {
            findings.Missing(section.Origin, $"{section.Header} of kind {kind} needs families, e.g. families = {section.Spec.Key("families")!.Type.Example}");
        }

        var families = section.Map("families");
        var problems = families.Select(f => (f.Key, f.Value, Problem: FamilyMap.ProblemOf(f.Key, f.Value))).Where(f => f.Problem is not null).ToList();
        foreach (var (figure, text, problem) in problems)
        {
            findings.Error(section.OriginOf("families"), $"families.{figure} = \"{text}\" {problem}");
        }

        var source = OverHttp(
            Named(
                new EngineSourceSettings
                {
                    Engine = kind,
                    Endpoint = endpoint,
                    Families = families,
                    ModelLabel = section.Find<string>("model_label"),
                    OnceLabels = section.List<string>("once_labels"),
                },
                section),
            section,
            findings);
        return problems.Count == 0 ? source : null;
    }

    /// <summary>What the targets of a discovery have in common; null where it is wrong.</summary>
    /// <param name="endpoint">Scheme and path are those of the targets.</param>
    public static HttpSourceSettings? Template(SectionValues section, Uri endpoint, Findings findings)
    {
        if (section.Find<string>("kind") is not { } kind)
        {
            return null;
        }

        RequireOwnKeys(section, kind, findings);
        return kind switch
        {
            SourceSchema.VibeThinker => OverHttp(Named(new VibeThinkerSourceSettings { Endpoint = endpoint, Map = section.Map("map") }, section), section, findings),
            SourceSchema.Dcgm => OverHttp(Named(new DcgmSourceSettings { Endpoint = endpoint }, section), section, findings),
            _ => Engine(section, kind, endpoint, findings),
        };
    }

    private static VibeThinkerSourceSettings? VibeThinker(SectionValues section, Findings findings)
    {
        if (section.Find<Uri>("endpoint") is not { } endpoint)
        {
            return null;
        }

        var source = OverHttp(Named(new VibeThinkerSourceSettings { Endpoint = endpoint, Map = section.Map("map") }, section), section, findings);
        return source with { Model = source.Model ?? DefaultModel, Task = source.Task ?? DefaultTask };
    }

    internal static T Named<T>(T source, SectionValues section)
        where T : SourceSettings => (T)(source with
        {
            Name = section.Spec.Key("name") is null ? null : section.Find<string>("name"),
            Model = section.Find<string>("model"),
            Task = section.Find<string>("task"),
            Variant = section.Find<string>("variant"),
            Counts = section.Find<object>("counts") as bool?,
            Gpus = section.List<string>("gpu"),
        });

    internal static T OverHttp<T>(T source, SectionValues section, Findings findings)
        where T : HttpSourceSettings
    {
        if (section.IsWritten("token") && section.IsWritten("token_file"))
        {
            findings.Error(section.OriginOf("token"), $"{section.Header} has both token and token_file: keep token_file");
        }

        var bound = (T)(source with
        {
            Token = section.Find<BearerToken>("token_file") ?? section.Find<BearerToken>("token"),
            CaFile = section.Find<string>("ca_file"),
            Insecure = section.Find<bool>("insecure"),
            Headers = section.Map("headers"),
            Interval = section.Find<object>("interval") as TimeSpan?,
            Timeout = section.Find<TimeSpan>("timeout"),
        });
        TransportBinder.WarnWhenInsecure(section, findings);
        var hasSecret = section.Written("token", "token_file", "headers").Count > 0;
        if (section.Spec.Key("endpoint") is not null && hasSecret && bound.Endpoint.Scheme != Uri.UriSchemeHttps && !PeerTrust.IsLoopback(bound.Endpoint) && !bound.Insecure)
        {
            findings.Error(section.OriginOf("endpoint"), "endpoint is plain http to another machine, where its token could be read: use https, or set insecure = true");
        }

        return bound;
    }

    public static void RequireOwnKeys(SectionValues section, string kind, Findings findings)
    {
        foreach (var key in section.Spec.Keys.Where(k => section.IsWritten(k.Name) && k.OnlyFor.Count > 0 && !k.OnlyFor.Contains(kind)))
        {
            findings.Error(section.OriginOf(key.Name), $"{key.Name} belongs to {(section.Path == DiscoveryBinder.Path ? "discoveries" : "sources")} of kind {SourceSchema.Among(key.OnlyFor)}, not to {kind}: take it out");
        }

        foreach (var key in section.Spec.Keys.Where(k => k.Required && k.OnlyFor.Contains(kind) && !section.IsWritten(k.Name)))
        {
            findings.Missing(section.Origin, $"{section.Header} of kind {kind} needs {key.Name}, e.g. {key.Name} = {key.Type.Example}");
        }
    }

    private static void RequireDistinct(List<(SourceSettings Source, Origin Origin)> bound, Findings findings)
    {
        foreach (var (source, origin) in bound.GroupBy(b => b.Source.Key).SelectMany(g => g.Skip(1)))
        {
            var first = bound.Find(b => b.Source.Key == source.Key).Origin;
            findings.Error(origin, $"two sources of kind {source.Kind} have the same target {source.Target} (the other is at {first}): give one of them a name");
        }

        foreach (var twins in bound.Where(b => b.Source is EngineSourceSettings { Counts: not false }).GroupBy(b => ((EngineSourceSettings)b.Source).Endpoint))
        {
            foreach (var (_, origin) in twins.Skip(1).Where(twin => twin.Source.Key != twins.First().Source.Key))
            {
                findings.Error(origin, $"{twins.Key.Host}:{twins.Key.Port}{twins.Key.AbsolutePath} is read by the source at {twins.First().Origin} already: two would count each request twice, so take one out, or set counts = false");
            }
        }

        foreach (var twins in bound.Where(b => b.Source is PushSourceSettings).GroupBy(b => ((PushSourceSettings)b.Source).Socket))
        {
            foreach (var (_, origin) in twins.Skip(1))
            {
                findings.Error(origin, $"{twins.Key} is the socket of the source at {twins.First().Origin} already: give this one another");
            }
        }

        LogBinder.RequireDistinct(bound, findings);
    }
}
