using System.Buffers;
using System.Globalization;
using System.Text.RegularExpressions;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.VibeThinker;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Agent.Discovery;

/// <summary>The sources that found targets become. Pure.</summary>
internal static partial class TargetSources
{
    // As Prometheus has them.
    private const string SchemeLabel = "__scheme__";
    private const string PathLabel = "__metrics_path__";
    private const string IntervalLabel = "__scrape_interval__";
    private const string TimeoutLabel = "__scrape_timeout__";
    private const string ParameterPrefix = "__param_";

    private static readonly SearchValues<char> NotInAddress = SearchValues.Create("/@?#\\ \t\r\n");

    private static readonly string[] Kinds =
        [.. EngineKinds.All.Select(engine => engine.Kind), EngineSourceSettings.Auto, "vibethinker", "dcgm"];

    /// <summary>The sources, and why targets were left out; the first of two that are the same is taken.</summary>
    internal static (IReadOnlyList<HttpSourceSettings> Sources, IReadOnlyList<string> Problems) Of(
        SourceTemplate template, IReadOnlyList<DiscoveredTarget> targets)
    {
        var sources = new List<HttpSourceSettings>();
        var problems = new List<string>();
        var keys = new HashSet<string>(StringComparer.Ordinal);
        foreach (var target in targets)
        {
            var (source, problem) = Of(template, target);
            if (source is null)
            {
                problems.Add($"target {target.Address} {problem}");
            }
            else if (keys.Add(source.Key))
            {
                sources.Add(source);
            }
        }

        return (sources, problems);
    }

    internal static (HttpSourceSettings? Source, string Problem) Of(SourceTemplate template, DiscoveredTarget target)
    {
        string? Label(string setting) =>
            template.Labels.TryGetValue(setting, out var label) && target.Labels.TryGetValue(label, out var value) && value.Length > 0 ? value : null;

        var prototype = template.Prototype;
        var kind = Label("kind") ?? prototype.Kind;
        if (kind != prototype.Kind && !Kinds.Contains(kind))
        {
            return (null, $"has kind \"{kind}\", which is none that can be found: valid are {string.Join(", ", Kinds)}");
        }

        if (EndpointOf(prototype.Endpoint, template.HasPath ? prototype.Endpoint.AbsolutePath : SourceTemplate.PathOf(kind), target) is not { } endpoint)
        {
            return (null, "is no host:port: write for example 10.0.0.7:8000, with the path in __metrics_path__");
        }

        var source = As(prototype, kind) with
        {
            Endpoint = endpoint,
            Name = Label("name") ?? prototype.Name,
            Model = Label("model") ?? prototype.Model ?? (kind == "vibethinker" ? VibeThinkerAdapter.DefaultModel : null),
            Task = Label("task") ?? prototype.Task ?? (kind == "vibethinker" ? VibeThinkerAdapter.DefaultTask : null),
            Variant = Label("variant") ?? prototype.Variant,
        };
        if (!TryTimes(ref source, target.Labels, out var problem))
        {
            return (null, problem);
        }

        if (source is EngineSourceSettings { Model: null } engine && !EngineKinds.NamesModel(engine))
        {
            return (null, $"needs a model: the page of {kind} names none, so give it the label {template.Labels.GetValueOrDefault("model", "model")}, or write model in the source of the discovery");
        }

        var hasSecret = source.Token is not null || source.Headers.Count > 0;
        return hasSecret && !source.Insecure && endpoint.Scheme != Uri.UriSchemeHttps && !PeerTrust.IsLoopback(endpoint)
            ? (null, "is plain http on another machine, where the token could be read: use scheme https, or set insecure = true")
            : (source, "");
    }

    private static Uri? EndpointOf(Uri prototype, string pathOtherwise, DiscoveredTarget target)
    {
        if (target.Address.Length == 0 || target.Address.AsSpan().ContainsAny(NotInAddress))
        {
            return null;
        }

        var scheme = target.Labels.GetValueOrDefault(SchemeLabel, prototype.Scheme);
        var path = target.Labels.GetValueOrDefault(PathLabel, pathOtherwise);
        var parameters = string.Join('&', target.Labels
            .Where(label => label.Key.StartsWith(ParameterPrefix, StringComparison.Ordinal))
            .OrderBy(label => label.Key, StringComparer.Ordinal)
            .Select(label => $"{Uri.EscapeDataString(label.Key[ParameterPrefix.Length..])}={Uri.EscapeDataString(label.Value)}"));
        var query = parameters.Length > 0 ? "?" + parameters : path == prototype.AbsolutePath ? prototype.Query : "";
        return scheme is "http" or "https"
            && Uri.TryCreate($"{scheme}://{target.Address}{(path.StartsWith('/') ? path : "/" + path)}{query}", UriKind.Absolute, out var endpoint)
            && endpoint.Host.Length > 0
            ? endpoint
            : null;
    }

    private static HttpSourceSettings As(HttpSourceSettings prototype, string kind)
    {
        if (kind == prototype.Kind)
        {
            return prototype;
        }

        HttpSourceSettings other = kind switch
        {
            VllmSourceSettings.EngineName => new VllmSourceSettings { Endpoint = prototype.Endpoint },
            "vibethinker" => new VibeThinkerSourceSettings { Endpoint = prototype.Endpoint },
            "dcgm" => new DcgmSourceSettings { Endpoint = prototype.Endpoint },
            _ => new EngineSourceSettings { Endpoint = prototype.Endpoint, Engine = kind },
        };
        return other with
        {
            Name = prototype.Name,
            Model = prototype.Model,
            Task = prototype.Task,
            Variant = prototype.Variant,
            Counts = prototype.Counts,
            Gpus = prototype.Gpus,
            Token = prototype.Token,
            CaFile = prototype.CaFile,
            Insecure = prototype.Insecure,
            Headers = prototype.Headers,
            Interval = prototype.Interval,
            Timeout = prototype.Timeout,
        };
    }

    private static bool TryTimes(ref HttpSourceSettings source, IReadOnlyDictionary<string, string> labels, out string problem)
    {
        problem = "";
        foreach (var label in new[] { IntervalLabel, TimeoutLabel })
        {
            if (!labels.TryGetValue(label, out var text))
            {
                continue;
            }

            if (DurationOf(text) is not { } span || span < TimeSpan.FromMilliseconds(100) || span > TimeSpan.FromHours(1))
            {
                problem = $"has {label} \"{text}\", which is no time from 100ms to 1h";
                return false;
            }

            source = label == IntervalLabel ? source with { Interval = span } : source with { Timeout = span };
        }

        return true;
    }

    // Prometheus' own durations: 1m30s, 15s, 500ms.
    private static TimeSpan? DurationOf(string text)
    {
        var match = PrometheusDuration().Match(text);
        if (!match.Success || text.Length == 0)
        {
            return null;
        }

        double Part(int group) => match.Groups[group].Success ? double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture) : 0;
        return TimeSpan.FromMilliseconds((((Part(1) * 60) + Part(2)) * 60_000) + (Part(3) * 1000) + Part(4));
    }

    [GeneratedRegex("^(?:([0-9]{1,4})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?(?:([0-9]{1,8})ms)?$")]
    private static partial Regex PrometheusDuration();
}
