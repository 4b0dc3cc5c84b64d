using System.CommandLine;
using FleetVibe.Chaos.Campaigns;
using FleetVibe.Chaos.Failover;
using FleetVibe.Chaos.Fleet;
using FleetVibe.Chaos.Reporting;
using FleetVibe.Chaos.Schedule;

namespace FleetVibe.Chaos.CommandLine;

/// <summary>The command line.</summary>
internal static class ChaosCommand
{
    private const int Failed = 1;
    private const int Usage = 2;
    private const int CouldNotRun = 3;

    // Time to kill the processes and to unmount, after Ctrl-C.
    private static readonly TimeSpan CleanUpWithin = TimeSpan.FromSeconds(60);

    public static async Task<int> InvokeAsync(string[] arguments)
    {
        var parsed = Create().Parse(arguments);
        if (parsed.Errors.Count == 0)
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = CleanUpWithin });
        }

        foreach (var error in parsed.Errors)
        {
            await Console.Error.WriteLineAsync(error.Message);
        }

        return Usage;
    }

    public static RootCommand Create()
    {
        var seed = Number("--seed", "Decides schedule and traffic.", 1, 0);
        var faults = Number("--faults", "How many; 0 is a run in peace.", 50, 0);
        var nodes = Number("--nodes", "Agents, 1 to 99.", 20, 1, 99);
        var gateways = Number("--gateways", "1 keeps its commit log in SQLite; 2 or 3 share one in a PostgreSQL that the campaign starts.", 1, 1, 3);
        var pace = Number("--pace", "Mean seconds between two faults.", 6, 1);
        var report = new Option<string?>("--report") { Description = "File that gets the result, JSON.", HelpName = "FILE" };
        var binary = new Option<string?>("--binary") { Description = "The fleetvibe.dll to run; else the one of this build.", HelpName = "PATH" };
        var kinds = new Option<IReadOnlyList<FaultKind>>("--kinds")
        {
            Description = $"Kinds of faults, separated by commas; all of them without it: {string.Join(", ", FaultKinds.AllNames)}.",
            HelpName = "KINDS",
            DefaultValueFactory = _ => Enum.GetValues<FaultKind>(),
            CustomParser = result => ParseKinds(result.Tokens[0].Value, result.AddError),
        };
        var keep = new Option<bool>("--keep") { Description = "Keeps the run's folder after a good verdict too." };
        var command = new RootCommand(
            "A campaign of faults against real processes: 3 aggregators, one gateway or more, agents, and a stand-in for Telegraf.\n\n"
            + "Exit codes: 0 nothing lost, duplicated or shrunk, and no figure wrong; 1 something was; 2 the command line is wrong; 3 the campaign could not be held.")
        {
            seed, faults, nodes, gateways, pace, report, binary, kinds, keep,
        };
        command.Subcommands.Add(TableCommand.Create());
        command.Subcommands.Add(FailoverCommand.Create());
        command.SetAction((result, cancellation) => RunAsync(
            () => new CampaignSettings(
                result.GetValue(seed), result.GetValue(faults), result.GetValue(nodes), result.GetValue(gateways), result.GetRequiredValue(kinds), TimeSpan.FromSeconds(result.GetValue(pace)),
                result.GetValue(binary) is { } path ? new Binary(Path.GetFullPath(path)) : Binary.Built(),
                result.GetValue(report) is { } file ? Path.GetFullPath(file) : null, result.GetValue(keep)),
            cancellation));
        return command;
    }

    private static async Task<int> RunAsync(Func<CampaignSettings> settings, CancellationToken cancellationToken)
    {
        try
        {
            return await new Campaign(settings(), TimeProvider.System, TextWriter.Synchronized(Console.Out)).RunAsync(cancellationToken) ? 0 : Failed;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("stopped");
            return CouldNotRun;
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync($"the campaign could not be held: {(e is CampaignFailedException or InvalidOperationException ? e.Message : e)}");
            return CouldNotRun;
        }
    }

    private static Option<int> Number(string name, string description, int standard, int least, int most = int.MaxValue) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => standard,
        Validators =
        {
            result =>
            {
                if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out var value) && (value < least || value > most))
                {
                    result.AddError($"{name}: {value} is not from {least} to {most}");
                }
            },
        },
    };

    private static List<FaultKind> ParseKinds(string text, Action<string> addError)
    {
        var parsed = new List<FaultKind>();
        foreach (var name in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (FaultKinds.TryParse(name, out var kind))
            {
                parsed.Add(kind);
            }
            else
            {
                addError($"--kinds: \"{name}\" is not known: valid are {string.Join(", ", FaultKinds.AllNames)}");
            }
        }

        return parsed;
    }
}
