using System.CommandLine;
using FleetVibe.Configuration;

namespace FleetVibe.Verbs;

/// <summary>The --config option and what is printed of what it names.</summary>
internal static class ConfigurationOption
{
    public static Option<string> Create() => new("--config", "-c")
    {
        Description = "The configuration file (TOML).",
        HelpName = "FILE",
        Required = true,
    };

    /// <summary>Loads and prints the findings; null where there was an error.</summary>
    public static LoadedConfiguration? Load(string file, TextWriter error, ConfigurationPurpose purpose = ConfigurationPurpose.Run)
    {
        var loaded = ConfigurationLoader.LoadFile(file, LoadingOptions.OfThisProcess(purpose));
        foreach (var finding in loaded.Findings)
        {
            error.WriteLine(finding);
        }

        if (!loaded.HasErrors)
        {
            return loaded;
        }

        var errors = loaded.Findings.Count(f => f.IsError);
        error.WriteLine($"{errors} {(errors == 1 ? "error" : "errors")}; every key is described in docs/configuration.md");
        return null;
    }
}
