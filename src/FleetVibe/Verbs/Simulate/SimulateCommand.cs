using System.CommandLine;
using FleetVibe.Composition;

namespace FleetVibe.Verbs.Simulate;

/// <summary><c>simulate</c>: stand-ins for what FleetVibe reads from and writes to, as processes of their own.</summary>
internal static class SimulateCommand
{
    public static Command Create() => new("simulate", "Runs a stand-in for a GPU node or for a Telegraf.")
    {
        SimulateNodeCommand.Create(),
        SimulateTelegrafCommand.Create(),
    };

    /// <summary>Runs until a signal or the end of the time; what could not start is named.</summary>
    public static async Task<int> RunAsync(Func<CancellationToken, Task> run)
    {
        using var signals = new StopSignals();
        try
        {
            await run(signals.Token);
            return ExitCodes.Ok;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return ExitCodes.Ok;
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            await Console.Error.WriteLineAsync($"fleetvibe: {e.Message}");
            return ExitCodes.Usage;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            await Console.Error.WriteLineAsync($"fleetvibe: the simulation could not start: {e.Message}");
            return ExitCodes.StartFailed;
        }
    }

    /// <summary>Waits for a signal, or for the time to pass.</summary>
    public static async Task WaitAsync(TimeSpan? limit, CancellationToken stop) =>
        await Task.Delay(limit ?? Timeout.InfiniteTimeSpan, TimeProvider.System, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
