using System.CommandLine;
using System.Reflection;
using FleetVibe.Composition;
using FleetVibe.Configuration;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Verbs.Run;

/// <summary><c>run</c>: the roles of a configuration, until a signal.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var config = ConfigurationOption.Create();
        var command = new Command("run", "Runs the roles that a configuration names, until Ctrl-C or SIGTERM. SIGHUP, or a change of the file, brings in what can change meanwhile.") { config };
        command.SetAction((result, _) => RunAsync(result.GetRequiredValue(config), Console.Out, Console.Error));
        return command;
    }

    private static async Task<int> RunAsync(string file, TextWriter output, TextWriter error)
    {
        using var signals = new StopSignals();
        using var reload = new ReloadSignal();
        if (ConfigurationOption.Load(file, error) is not { Settings: { } settings } loaded)
        {
            return ExitCodes.Usage;
        }

        await output.WriteLineAsync($"fleetvibe {Version} on {settings.Node}: {string.Join(", ", settings.Roles)}");
        await using var stack = new RoleStack(error);
        var process = new NodeProcess(settings, new RoleHosts(new LogRules(LogLevel.Information, LogLevel.Warning, () => stack.IsStopping)), stack, output);
        var reloader = new Reloader(file, loaded, () => ConfigurationLoader.LoadFile(file, LoadingOptions.OfThisProcess()), process, new PlainLines(output, error));
        try
        {
            await process.StartAsync(signals.Token);
            await output.WriteLineAsync("running; Ctrl-C stops");
            _ = reloader.RunAsync(reload, TimeProvider.System, signals.Token);
            return await UntilStoppedAsync(stack, output, error, signals.Token);
        }
        catch (RoleStartException e)
        {
            await error.WriteLineAsync($"fleetvibe: {e.Message}");
            return ExitCodes.StartFailed;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return ExitCodes.Ok;
        }
    }

    private static string Version { get; } = Assembly.GetExecutingAssembly().GetName().Version!.ToString(3);

    private static async Task<int> UntilStoppedAsync(RoleStack stack, TextWriter output, TextWriter error, CancellationToken stop)
    {
        var signal = Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop);
        if (await Task.WhenAny(signal, stack.Ended) == stack.Ended)
        {
            await error.WriteLineAsync($"fleetvibe: {await stack.Ended} ended by itself; the log above says why. Stopping");
            await stack.StopAsync();
            return ExitCodes.VerdictFailed;
        }

        await output.WriteLineAsync("stopping");
        await stack.StopAsync();
        await output.WriteLineAsync("stopped");
        return ExitCodes.Ok;
    }
}
