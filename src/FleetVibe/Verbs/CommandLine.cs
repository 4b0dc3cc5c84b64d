using System.CommandLine;
using FleetVibe.Verbs.Check;
using FleetVibe.Verbs.Demo;
using FleetVibe.Verbs.Execd;
using FleetVibe.Verbs.Explain;
using FleetVibe.Verbs.Ledger;
using FleetVibe.Verbs.Parse;
using FleetVibe.Verbs.Replay;
using FleetVibe.Verbs.Run;
using FleetVibe.Verbs.Simulate;

namespace FleetVibe.Verbs;

/// <summary>The verbs.</summary>
internal static class CommandLine
{
    public static async Task<int> InvokeAsync(string[] arguments)
    {
        var parsed = Create().Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync($"fleetvibe: {error.Message}");
            }

            await Console.Error.WriteLineAsync("fleetvibe --help, or fleetvibe VERB --help, says what there is");
            return ExitCodes.Usage;
        }

        // The verbs handle signals themselves, so that every host stops in order.
        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
    }

    public static RootCommand Create() => new($"FleetVibe collects a fleet of GPU nodes that run small language models.\n\n{ExitCodes.Help}")
    {
        RunCommand.Create(),
        ExecdCommand.Create(),
        CheckCommand.Create(),
        ParseCommand.Create(),
        ReplayCommand.Create(),
        SimulateCommand.Create(),
        DemoCommand.Create(),
        LedgerCommand.Create(),
        ExplainCommand.Create(),
    };
}
