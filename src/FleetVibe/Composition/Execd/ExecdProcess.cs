using FleetVibe.Agent;
using FleetVibe.Agent.Printing;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Composition.Execd;

/// <summary>
/// The agent of a node as a plugin of Telegraf's inputs.execd. It ends only when it is told to, or when nobody reads its points: an
/// agent that cannot start is tried again here, because Telegraf would wait longer, or for ever.
/// </summary>
internal sealed class ExecdProcess(AgentSettings settings, StandardOutput output, TelegrafPrompts prompts, TextWriter errors, TextWriter warnings, TimeProvider time)
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(2);

    private string? _complaint;

    public async Task RunAsync()
    {
        var hosts = new RoleHosts(new LogRules(LogLevel.Information, LogLevel.Warning, IsStopping: () => false) { ForTelegraf = true });
        var stop = Task.Delay(Timeout.InfiniteTimeSpan, time, prompts.Stop);
        do
        {
            await using var stack = new RoleStack(errors);
            if (await TryStartAsync(hosts, stack))
            {
                await Task.WhenAny(stop, output.Gone, stack.Ended);
                prompts.Direct(null);
                Say(stack);
            }

            await stack.StopAsync();
        }
        while (!output.Gone.IsCompleted && !await IsToldToStopAsync(stop));
    }

    private async Task<bool> TryStartAsync(RoleHosts hosts, RoleStack stack)
    {
        try
        {
            // Not cancelled by the end of standard input: what was asked for before it is printed.
            var host = await stack.StartAsync("agent", role => hosts.Agent(role, settings with { Outlet = output }), CancellationToken.None);
            _complaint = null;
            prompts.Direct(host.Services.GetRequiredService<AgentPrompts>().Collect);
            return true;
        }
        catch (RoleStartException e)
        {
            if (e.Message != _complaint)
            {
                errors.WriteLine($"{e.Message}; trying again every {RetryInterval.TotalSeconds:0} s");
            }

            _complaint = e.Message;
            return false;
        }
    }

    private void Say(RoleStack stack)
    {
        if (output.Gone.IsCompletedSuccessfully)
        {
            warnings.WriteLine("nobody reads standard output any more: ending");
        }
        else if (stack.Ended.IsCompletedSuccessfully)
        {
            errors.WriteLine("the agent ended by itself; the lines above say why. Starting it again");
        }
    }

    private async Task<bool> IsToldToStopAsync(Task stop)
    {
        await Task.WhenAny(stop, Task.Delay(RetryInterval, time, CancellationToken.None));
        return prompts.Stop.IsCancellationRequested;
    }
}
