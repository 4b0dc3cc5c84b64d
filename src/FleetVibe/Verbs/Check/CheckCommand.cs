using System.CommandLine;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Configuration;

namespace FleetVibe.Verbs.Check;

/// <summary><c>check</c>: what a configuration would do, without doing it; with <c>--probe</c> whether everything answers.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var config = ConfigurationOption.Create();
        var probe = new Option<bool>("--probe") { Description = "Also touches every source, aggregator, gateway and the Telegraf, and says what to do about what fails." };
        var command = new Command("check", "Validates a configuration and prints every setting in force, without secrets.") { config, probe };
        command.SetAction((result, cancellation) => RunAsync(result.GetRequiredValue(config), result.GetValue(probe), Console.Out, Console.Error, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string file, bool probe, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        if (ConfigurationOption.Load(file, error, ConfigurationPurpose.Check) is not { Settings: { } settings } loaded)
        {
            return ExitCodes.Usage;
        }

        await output.WriteLineAsync(EffectiveText.Of(loaded.Sections));
        var found = await FoundSources.LookAsync(settings, probe, TimeProvider.System, cancellation);
        found.Write(output);
        WriteCounting(found.Settings, output);
        await output.WriteLineAsync(settings.AgentOnlyPrints
            ? ExecdText.Of(file, ThisProgram())
            : $"{file} is good: this process would be {string.Join(", ", settings.Roles)}");
        return !probe || await ProbeAsync(found, output, cancellation) ? ExitCodes.Ok : ExitCodes.VerdictFailed;
    }

    private static IEnumerable<string> ThisProgram() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) is "dotnet" ? [Environment.ProcessPath!, Path.GetFullPath(Environment.GetCommandLineArgs()[0])]
        : [Environment.ProcessPath ?? "fleetvibe"];

    internal static void WriteCounting(FleetVibeSettings settings, TextWriter output)
    {
        if (settings.Agent is not { } agent)
        {
            return;
        }

        TextTable.Write(
            output,
            ["source:", "counts requests:", "gives TTFT:", "why:"],
            CountingRanks.Decide(agent.Sources).Select(d => new[] { d.Source.Key, d.Counts ? "yes" : "no", d.GivesTtft ? "yes" : "no", d.Reason }));
    }

    private static async Task<bool> ProbeAsync(FoundSources found, TextWriter output, CancellationToken cancellation)
    {
        IReadOnlyList<ProbeResult> results = [.. found.Results, .. await new Probes(found.Settings, TimeProvider.System).RunAsync(cancellation)];
        TextTable.Write(output, ["probe:", "target:", "result:", "found:"], results.Select(r => new[] { r.What, r.Target, r.Ok ? "ok" : "FAILED", r.Text }));
        foreach (var warning in results.SelectMany(r => r.Warnings))
        {
            await output.WriteLineAsync($"warning: {warning}");
        }

        var failed = results.Count(r => !r.Ok);
        await output.WriteLineAsync(failed == 0 ? "everything answers" : $"{failed} of {results.Count} probes failed");
        return failed == 0;
    }
}
