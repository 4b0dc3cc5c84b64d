using System.CommandLine;
using FleetVibe.Chaos.Campaigns;
using FleetVibe.Chaos.Fleet;

namespace FleetVibe.Chaos.Failover;

/// <summary><c>failover [--kills N] [--mode kill|kill-restart|term|peace] [--into PAGE.md]</c></summary>
internal static class FailoverCommand
{
    private const int TooSlow = 1;
    private const int CouldNotRun = 3;

    public static Command Create()
    {
        var kills = new Option<int>("--kills") { Description = "How many in each mode.", DefaultValueFactory = _ => 20 };
        var agents = new Option<int>("--agents") { Description = "Agents, each with a series of its own.", DefaultValueFactory = _ => 6 };
        var seed = new Option<int>("--seed") { Description = "Decides ports, traffic and the moments of the kills.", DefaultValueFactory = _ => 1 };
        var into = new Option<string?>("--into") { Description = "The page whose rows are replaced; without it the table is printed." };
        var mode = new Option<IReadOnlyList<EndMode>>("--mode")
        {
            Description = $"How members end, all of them without it: {string.Join(", ", FailoverTable.AllNames)}.",
            DefaultValueFactory = _ => Enum.GetValues<EndMode>(),
            CustomParser = result => Parse(result.Tokens[0].Value, result.AddError),
        };
        var command = new Command("failover", "How long the first window after the end of a member waits for its commit")
        {
            kills, agents, seed, into, mode,
        };
        command.SetAction((result, cancellation) => RunAsync(
            new FailoverSettings(
                result.GetValue(seed), result.GetValue(kills), result.GetRequiredValue(mode), result.GetValue(agents), result.GetValue(into), Binary.Built()),
            cancellation));
        return command;
    }

    private static async Task<int> RunAsync(FailoverSettings settings, CancellationToken cancellationToken)
    {
        try
        {
            var times = await new FailoverRun(settings, TimeProvider.System, Console.Out).RunAsync(cancellationToken);
            if (settings.Into is { } page)
            {
                await File.WriteAllTextAsync(page, FailoverTable.PutInto(await File.ReadAllTextAsync(page, cancellationToken), times), cancellationToken);
            }
            else
            {
                Console.Out.Write(FailoverTable.PutInto("", times));
            }

            return FailoverTable.Holds(times) ? 0 : TooSlow;
        }
        catch (Exception e) when (e is CampaignFailedException or InvalidOperationException or IOException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync($"the measurement could not be made: {e.Message}");
            return CouldNotRun;
        }
    }

    private static IReadOnlyList<EndMode> Parse(string text, Action<string> addError)
    {
        if (FailoverTable.Parse(text) is { } mode)
        {
            return [mode];
        }

        addError($"--mode: \"{text}\" is not known: valid are {string.Join(", ", FailoverTable.AllNames)}");
        return [];
    }
}
