using FleetVibe.Agent;
using FleetVibe.Agent.Printing;
using FleetVibe.Configuration;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Composition.Execd;

/// <summary>
/// The agent of a node as a plugin of Telegraf's inputs.execd. It ends only when it is told to, or when nobody reads its points: an
/// agent that cannot start is tried again here, because Telegraf would wait longer, or for ever.
/// </summary>
internal sealed class ExecdProcess(AgentSettings first, StandardOutput output, TelegrafPrompts prompts, TextWriter errors, TextWriter warnings, TimeProvider time)
    : IReloadable
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private AgentSettings _inForce = first;
    private AgentControl? _agent;
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
                Take(null);
                Say(stack);
            }

            await stack.StopAsync();
        }
        while (!output.Gone.IsCompleted && !await IsToldToStopAsync(stop));
    }

    public void Change(FleetVibeSettings changed)
    {
        lock (_lock)
        {
            _inForce = changed.Agent!;
            _agent?.Change(_inForce);
        }
    }

    public void ReportRefused(string text)
    {
        lock (_lock)
        {
            _agent?.ReportRefused(text);
        }
    }

    // What changed while it was being started is what it goes on with.
    private void Take(AgentControl? agent, AgentSettings? startedWith = null)
    {
        lock (_lock)
        {
            _agent = agent;
            if (agent is not null && !ReferenceEquals(startedWith, _inForce))
            {
                agent.Change(_inForce);
            }
        }
    }

    private AgentSettings InForce()
    {
        lock (_lock)
        {
            return _inForce;
        }
    }

    private async Task<bool> TryStartAsync(RoleHosts hosts, RoleStack stack)
    {
        try
        {
            // Not cancelled by the end of standard input: what was asked for before it is printed.
            var settings = InForce();
            var host = await stack.StartAsync("agent", role => hosts.Agent(role, settings with { Outlet = output }), CancellationToken.None);
            _complaint = null;
            Take(host.Services.GetRequiredService<AgentControl>(), settings);
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
