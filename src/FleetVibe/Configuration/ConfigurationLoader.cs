using System.Text;
using FleetVibe.Configuration.Binding;
using FleetVibe.Configuration.Schema;
using FleetVibe.Configuration.Toml;
using FleetVibe.Configuration.Values;

namespace FleetVibe.Configuration;

/// <summary>What a configuration came to.</summary>
/// <param name="Settings">Null where there is an error.</param>
/// <param name="Findings">Errors and warnings in the order of the file.</param>
/// <param name="Sections">Every section in force, for <c>check</c>.</param>
internal sealed record LoadedConfiguration(FleetVibeSettings? Settings, IReadOnlyList<Finding> Findings, IReadOnlyList<SectionValues> Sections)
{
    public bool HasErrors => Settings is null;
}

/// <summary>What a configuration is read for.</summary>
internal enum ConfigurationPurpose
{
    /// <summary>Every role that it names.</summary>
    Run,

    /// <summary>Whatever it is good for.</summary>
    Check,

    /// <summary>Its agent alone, printing.</summary>
    Execd,
}

/// <summary>How a configuration is read.</summary>
internal sealed record LoadingOptions
{
    /// <summary>False where the files that it names are on another machine.</summary>
    public bool CheckFiles { get; init; } = true;

    public ConfigurationPurpose Purpose { get; init; } = ConfigurationPurpose.Run;

    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Name of this machine.</summary>
    public required string MachineName { get; init; }

    /// <summary>Those of this process.</summary>
    public static LoadingOptions OfThisProcess(ConfigurationPurpose purpose = ConfigurationPurpose.Run)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (System.Collections.DictionaryEntry variable in System.Environment.GetEnvironmentVariables())
        {
            variables[(string)variable.Key] = (string?)variable.Value ?? "";
        }

        return new LoadingOptions { Environment = variables, MachineName = System.Environment.MachineName, Purpose = purpose };
    }
}

/// <summary>
/// TOML on its syntax tree, then environment variables over it, then each value against the schema, then the settings of
/// the rooms. Every step goes on after an error, so that a user sees all of them at once.
/// </summary>
internal static class ConfigurationLoader
{
    private static readonly string[] NotOfExecd = ["aggregator", "gateway", "dashboard"];

    public static LoadedConfiguration LoadFile(string path, LoadingOptions options)
    {
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(path)).TrimStart('\uFEFF');
        }
        catch (ArgumentException)
        {
            return new LoadedConfiguration(null, [new Finding(new Origin(path), true, "is not UTF-8, as TOML must be: save it in that encoding")], []);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var problem = Directory.Exists(path) ? "is a folder: name the file in it"
                : File.Exists(path)
                ? $"cannot be read: give user {System.Environment.UserName} permission to read it"
                : "there is no such file: correct the path after --config, or begin with a sample out of deploy/";
            return new LoadedConfiguration(null, [new Finding(new Origin(path), true, problem)], []);
        }

        return Load(text, path, options);
    }

    /// <param name="file">Named in messages; relative paths start at its folder.</param>
    public static LoadedConfiguration Load(string text, string file, LoadingOptions options)
    {
        var findings = new Findings();
        var fromFile = FileProjector.Project(TomlReader.Read(text, file, findings), findings);
        var fromVariables = VariableProjector.Project(options.Environment, findings);
        var context = new ReadingContext(
            Path.GetDirectoryName(Path.GetFullPath(file)) ?? "/", options.CheckFiles, name => options.Environment.TryGetValue(name, out var value) ? value : null);
        var reader = new SectionReader(new LayeredSettings(fromFile, fromVariables), context, findings);
        List<SectionValues> sections = [];
        var settings = Bind(reader, new Origin(file), options, sections);
        return new LoadedConfiguration(findings.HasErrors ? null : settings, findings.All, sections);
    }

    private static FleetVibeSettings Bind(SectionReader reader, Origin file, LoadingOptions options, List<SectionValues> read)
    {
        SectionValues Open(string path)
        {
            var section = reader.Read(path, file);
            read.Add(section);
            return section;
        }

        var node = Open("node");
        var name = node.Find<string>("name") ?? options.MachineName;
        var dataDirectory = node.Find<string>("data_dir") ?? "";
        var hasAgent = reader.Has("agent") || reader.Has(SourceBinder.InputsPath);
        if (options.Purpose == ConfigurationPurpose.Execd)
        {
            return BindExecd(reader, file, name, dataDirectory, hasAgent, Open, read);
        }

        var hasAggregator = reader.Has("aggregator");
        var hasGateway = reader.Has("gateway");
        if (!hasAgent && !hasAggregator && !hasGateway)
        {
            reader.Findings.Missing(file, "no role is configured: add [[agent.sources]] for a GPU node, [aggregator], or [gateway] with [gateway.telegraf]");
        }

        if (reader.Has("dashboard") && !hasAggregator)
        {
            reader.Findings.Missing(reader.Read("dashboard", file).Origin, "[dashboard] shows what an aggregator knows, so it needs [aggregator] in the same file");
        }

        var settings = new FleetVibeSettings { Node = name, DataDirectory = dataDirectory };
        if (hasAgent)
        {
            var agent = Open("agent");
            var local = hasAggregator && !agent.IsWritten("aggregators");
            var onlyPrints = options.Purpose == ConfigurationPurpose.Check && !hasAggregator && !hasGateway && !agent.IsWritten("aggregators");
            var peers = local ? AgentPeers.InThisProcess : onlyPrints ? AgentPeers.None : AgentPeers.Named;
            settings = settings with
            {
                Agent = RoleBinders.Agent(agent, reader, name, dataDirectory, peers, read),
                AgentUsesLocalAggregator = local,
                AgentOnlyPrints = onlyPrints,
            };
        }

        if (hasAggregator)
        {
            var aggregator = Open("aggregator");
            var cluster = reader.Has("aggregator.cluster") ? Open("aggregator.cluster") : null;
            var local = hasGateway && !aggregator.IsWritten("gateways");
            var dashboard = Open("dashboard");
            settings = settings with
            {
                Aggregator = RoleBinders.Aggregator(aggregator, cluster, reader, name, settings.AgentUsesLocalAggregator, local),
                AggregatorUsesLocalGateway = local,
                Dashboard = RoleBinders.Dashboard(dashboard, reader),
                DashboardPortMayMove = !dashboard.IsWritten("listen"),
            };
        }

        if (hasGateway)
        {
            var gateway = Open("gateway");
            if (!reader.Has("gateway.telegraf"))
            {
                reader.Findings.Missing(gateway.Origin, "[gateway] needs [gateway.telegraf] with url, e.g. url = \"http://127.0.0.1:8187\"");
                reader.Findings.ReportMissing = false;
            }

            settings = settings with
            {
                Gateway = GatewayBinder.Bind(gateway, Open("gateway.telegraf"), reader, name, dataDirectory, settings.AggregatorUsesLocalGateway),
            };
        }

        return settings;
    }

    private static FleetVibeSettings BindExecd(
        SectionReader reader, Origin file, string name, string dataDirectory, bool hasAgent, Func<string, SectionValues> open, List<SectionValues> read)
    {
        var settings = new FleetVibeSettings { Node = name, DataDirectory = dataDirectory, AgentOnlyPrints = true };
        if (!hasAgent)
        {
            // A block of which nothing could be read looks like none.
            reader.Findings.ReportMissing &= !reader.Findings.HasErrors;
            reader.Findings.Missing(file, "execd has nothing to read: add [[agent.sources]] with a kind, or a block [[inputs.vibe_thinker]] as it stands in a Telegraf configuration");
            return settings;
        }

        foreach (var section in NotOfExecd.Where(reader.Has))
        {
            reader.Findings.Warning(reader.Read(section, file).Origin, $"execd runs only the agent of this file: [{section}] is not started");
        }

        var agent = open("agent");
        if (agent.IsWritten("aggregators"))
        {
            reader.Findings.Warning(agent.OriginOf("aggregators"), "execd prints its points for Telegraf and reports to no aggregator");
        }

        // Its own spool: what an agent has not reported yet must not be printed instead.
        return settings with { Agent = RoleBinders.Agent(agent, reader, name, Path.Combine(dataDirectory, "execd"), AgentPeers.None, read) };
    }
}
