using FleetVibe.Configuration;
using FleetVibe.Configuration.Reloading;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Composition;

/// <summary>What a reload changes in running roles.</summary>
internal interface IReloadable
{
    /// <summary>Brings into force what can change while the roles run.</summary>
    void Change(FleetVibeSettings settings);

    /// <summary>Makes it seen where figures are seen that a configuration was refused.</summary>
    void ReportRefused(string text);
}

/// <summary>
/// Reads the configuration again when the file holds something else, and at SIGHUP where that asks for it. One with an error changes nothing; of
/// one that is good the old value stays where a restart is needed, and each such key is named.
/// </summary>
internal sealed class Reloader(
    string file, LoadedConfiguration first, Func<LoadedConfiguration> load, IReloadable roles, IOperatorLines lines)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);

    private readonly SettledContent _content = new(file);
    private LoadedConfiguration _inForce = first;

    /// <param name="signal">Null where SIGHUP asks for something else.</param>
    public async Task RunAsync(ReloadSignal? signal, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                if (await IsAskedAsync(signal, time, cancellationToken))
                {
                    _content.Taken();
                    Reload("SIGHUP");
                }
                else if (_content.Look())
                {
                    Reload("it changed");
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The process stops.
        }
    }

    private static async Task<bool> IsAskedAsync(ReloadSignal? signal, TimeProvider time, CancellationToken cancellationToken)
    {
        if (signal is not null)
        {
            return await signal.WaitAsync(LookEvery, time, cancellationToken);
        }

        await Task.Delay(LookEvery, time, cancellationToken);
        return false;
    }

    internal void Reload(string why)
    {
        try
        {
            Take(load(), why);
        }
        catch (Exception e)
        {
            // A fault of ours must not end the watch of the file.
            Refuse(why, $"it cannot be taken over ({e.GetType().Name}: {e.Message})");
        }
    }

    private void Take(LoadedConfiguration loaded, string why)
    {
        foreach (var finding in loaded.Findings)
        {
            lines.Say(finding);
        }

        if (loaded.Settings is not { } settings)
        {
            Refuse(why, loaded.Findings.First(finding => finding.IsError).ToString());
            return;
        }

        var restart = ConfigurationChange.NeedingRestart(_inForce, loaded);
        foreach (var finding in restart)
        {
            lines.Say(finding);
        }

        // What needs a restart is compared with what the roles run on, however often the file is read.
        var changes = ConfigurationChange.Reloads(_inForce.Settings!, settings);
        _inForce = _inForce with
        {
            Settings = _inForce.Settings! with { Agent = settings.Agent is { } agent ? _inForce.Settings.Agent?.Reloaded(agent) : _inForce.Settings.Agent },
        };
        if (changes)
        {
            roles.Change(_inForce.Settings);
        }

        var outcome = changes ? "its changes are in force" : "nothing changed that can be brought into force";
        lines.Say(LogLevel.Information, $"configuration read again ({why}): {outcome}"
            + (restart.Count == 0 ? "" : $"; {restart.Count} {(restart.Count == 1 ? "change needs" : "changes need")} a restart"));
    }

    private void Refuse(string why, string problem)
    {
        lines.Say(LogLevel.Error, $"configuration refused ({why}): the one before stays in force; correct {file}, it is read again then: {problem}");
        roles.ReportRefused($"the configuration was refused, the one before stays in force: {problem}");
    }
}
