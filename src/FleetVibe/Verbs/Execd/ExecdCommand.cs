using System.CommandLine;
using System.Reflection;
using FleetVibe.Composition;
using FleetVibe.Composition.Execd;
using FleetVibe.Configuration;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Verbs.Execd;

/// <summary><c>execd</c>: the agent of a node as a plugin of Telegraf's inputs.execd.</summary>
internal static class ExecdCommand
{
    public static Command Create()
    {
        var config = ConfigurationOption.Create();
        var command = new Command("execd", "Runs as a plugin of Telegraf's inputs.execd: collects on each line or signal, and prints this node's points. No aggregator is needed.") { config };
        command.SetAction((result, _) => RunAsync(result.GetRequiredValue(config)));
        return command;
    }

    private static async Task<int> RunAsync(string file)
    {
        using var prompts = new TelegrafPrompts();
        var error = Console.Error;
        await using var points = StandardOutput.Open();

        // Whatever else would be printed is no point.
        Console.SetOut(new TelegrafWriter(error, LogLevel.Information));
        if (Load(file, error) is not { } settings)
        {
            return ExitCodes.Usage;
        }

        var sources = settings.Agent!.Sources.Count;
        error.WriteLine(TelegrafLine.Of(LogLevel.Information, $"fleetvibe {Version} on {settings.Node}: prints the points of {sources} {(sources == 1 ? "source" : "sources")}"));
        prompts.Listen(Console.OpenStandardInput());
        await using var errors = new TelegrafWriter(error, LogLevel.Error);
        await using var warnings = new TelegrafWriter(error, LogLevel.Warning);
        await new ExecdProcess(settings.Agent, new StandardOutput(points), prompts, errors, warnings, TimeProvider.System).RunAsync();
        return ExitCodes.Ok;
    }

    private static string Version { get; } = Assembly.GetExecutingAssembly().GetName().Version!.ToString(3);

    private static FleetVibeSettings? Load(string file, TextWriter error)
    {
        var loaded = ConfigurationLoader.LoadFile(file, LoadingOptions.OfThisProcess(ConfigurationPurpose.Execd));
        foreach (var finding in loaded.Findings)
        {
            error.WriteLine(TelegrafLine.Of(finding.IsError ? LogLevel.Error : LogLevel.Warning, $"{finding.Origin}: {finding.Text}"));
        }

        return loaded.Settings;
    }
}
