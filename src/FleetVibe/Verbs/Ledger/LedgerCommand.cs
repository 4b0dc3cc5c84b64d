using System.CommandLine;
using FleetVibe.Protocol.Ledger;
using FleetVibe.Protocol.V1;
using FleetVibe.Verbs.Asking;

namespace FleetVibe.Verbs.Ledger;

/// <summary><c>ledger</c>: whether every request of a running fleet is where it should be.</summary>
internal static class LedgerCommand
{
    public static Command Create()
    {
        var aggregator = new AggregatorOptions();
        var json = new Option<bool>("--json") { Description = "One JSON object instead of text." };
        var command = new Command("ledger", "Asks a running fleet where every request and every point is, and whether the sums agree.\n\n"
            + "Exit codes: 0 every sum adds up, what is under way included; 1 a sum does not; 2 the command line is wrong; 3 no answer.");
        aggregator.AddTo(command);
        command.Options.Add(json);
        command.SetAction(async (result, cancellation) =>
        {
            if (aggregator.Peer(result, out var problem) is not { } peer)
            {
                await Console.Error.WriteLineAsync($"fleetvibe: {problem}");
                return ExitCodes.Usage;
            }

            return await AggregatorCall.RunAsync(peer, Console.Error, async client => await TellAsync(
                await ReadAsync(async () => await client.GetFleetAsync(new GetFleetRequest { Windows = 1 }, AggregatorCall.Options(TimeProvider.System, cancellation)), TimeProvider.System, Console.Error, cancellation),
                result.GetValue(json), Console.Out, Console.Error));
        });
        return command;
    }

    /// <summary>Reads the fleet, and once more where a difference may only come from two moments of reading.</summary>
    internal static async Task<FleetLedger> ReadAsync(Func<Task<FleetSnapshot>> read, TimeProvider time, TextWriter progress, CancellationToken cancellation)
    {
        var first = await read();
        var ledger = FleetLedger.From(null, first);
        if (!ledger.NeedsLaterReading)
        {
            return ledger;
        }

        await progress.WriteLineAsync($"agent and gateway were read at different moments: a second reading in {LedgerBalance.Apart.TotalSeconds:0} s decides");
        await Task.Delay(LedgerBalance.Apart, time, cancellation);
        return FleetLedger.From(first, await read());
    }

    internal static async Task<int> TellAsync(FleetLedger ledger, bool json, TextWriter output, TextWriter error)
    {
        if (json)
        {
            await output.WriteLineAsync(LedgerJson.Of(ledger));
        }
        else
        {
            LedgerText.Write(output, ledger);
        }

        if (ledger.State == BalanceState.Broken)
        {
            return ExitCodes.VerdictFailed;
        }

        if (ledger.Gateway is not null)
        {
            return ExitCodes.Ok;
        }

        var why = ledger.GatewayError.Length > 0 ? $" ({ledger.GatewayError})" : "";
        await error.WriteLineAsync($"fleetvibe: {ledger.Aggregator} reaches no gateway{why}: check that one, or [aggregator] gateways there");
        return ExitCodes.Unreachable;
    }
}
