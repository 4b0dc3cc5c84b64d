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
        var command = new Command("execd", "Runs as a plugin of Telegraf's inputs.execd: collects on each line or signal, and prints this node's points. No aggregator is needed. A change of the file is taken over.") { config };
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
        var lines = new TelegrafLines(error);
        var loaded = Load(file);
        foreach (var finding in loaded.Findings)
        {
            lines.Say(finding);
        }

        if (loaded.Settings is not { } settings)
        {
            return ExitCodes.Usage;
        }

        var sources = settings.Agent!.Sources.Count;
        lines.Say(LogLevel.Information, $"fleetvibe {Version} on {settings.Node}: prints the points of {sources} {(sources == 1 ? "source" : "sources")}");
        prompts.Listen(Console.OpenStandardInput());
        await using var errors = new TelegrafWriter(error, LogLevel.Error);
        await using var warnings = new TelegrafWriter(error, LogLevel.Warning);
        var process = new ExecdProcess(settings.Agent, new StandardOutput(points), prompts, errors, warnings, TimeProvider.System);

        // SIGHUP may be how its Telegraf asks for a collection, so only the file counts.
        _ = new Reloader(file, loaded, () => Load(file), process, lines).RunAsync(signal: null, TimeProvider.System, prompts.Stop);
        await process.RunAsync();
        return ExitCodes.Ok;
    }

    private static string Version { get; } = Assembly.GetExecutingAssembly().GetName().Version!.ToString(3);

    private static LoadedConfiguration Load(string file) =>
        ConfigurationLoader.LoadFile(file, LoadingOptions.OfThisProcess(ConfigurationPurpose.Execd));
}
