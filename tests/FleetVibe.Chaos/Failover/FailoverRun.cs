using System.Globalization;
using FleetVibe.Chaos.Campaigns;
using FleetVibe.Chaos.Processes;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Chaos.Failover;

/// <summary>Ends member after member, each while the cluster is whole, and measures what the first window after it waited.</summary>
internal sealed class FailoverRun(FailoverSettings settings, TimeProvider time, TextWriter output)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(WindowClock.BaseSeconds);

    /// <exception cref="CampaignFailedException">The cluster did not become whole, or a window was never committed.</exception>
    public async Task<IReadOnlyList<FailoverTime>> RunAsync(CancellationToken cancellationToken)
    {
        var random = new Random(settings.Seed);
        var times = new List<FailoverTime>();
        await using var fleet = new FailoverFleet(settings, time);
        await fleet.StartAsync();
        foreach (var mode in settings.Modes)
        {
            for (var kill = 0; kill < settings.Kills; kill++)
            {
                await BecomesWholeAsync(fleet, cancellationToken);
                await Task.Delay(Window * random.NextDouble(), time, cancellationToken);
                var measured = await MeasureAsync(fleet, mode, fleet.Members[kill % fleet.Members.Count], cancellationToken);
                times.Add(measured);
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{FailoverTable.NameOf(mode)} {kill + 1}/{settings.Kills} of {measured.Victim}: {measured.Worst.TotalSeconds:0.0} s"));
            }
        }

        return times;
    }

    private async Task<FailoverTime> MeasureAsync(FailoverFleet fleet, EndMode mode, Supervised victim, CancellationToken cancellationToken)
    {
        var start = WindowClock.StartOf(time.GetUtcNow());
        switch (mode)
        {
            case EndMode.Kill:
                await victim.EndAsync(Signal.Kill, Patience);
                break;
            case EndMode.KillRestart:
                victim.Signalled(Signal.Kill);
                break;
            case EndMode.Term:
                await victim.EndAsync(Signal.Terminate, Patience);
                break;
            default:
                break;
        }

        await UntilAsync(() => Task.FromResult(IsCommitted(fleet, start)), $"window {start} of every series is committed", cancellationToken);
        var end = WindowClock.EndOf(start);
        var worst = fleet.Models.Max(model => fleet.Commits.CommittedAt(model, start)!.Value - end);
        await victim.StartAsync();
        return new FailoverTime(mode, victim.Name, worst);
    }

    // Whole, and so for two windows on end: what a member that came back is to own has moved to it by then.
    private async Task BecomesWholeAsync(FailoverFleet fleet, CancellationToken cancellationToken)
    {
        await UntilAsync(() => fleet.IsWholeAsync(cancellationToken), "every member is up", cancellationToken);
        var start = WindowClock.StartOf(time.GetUtcNow());
        await UntilAsync(
            () => Task.FromResult(IsCommitted(fleet, start) && IsCommitted(fleet, start + WindowClock.BaseSeconds)), "the cluster works again", cancellationToken);
        await UntilAsync(() => fleet.IsWholeAsync(cancellationToken), "every member is up", cancellationToken);
    }

    private static bool IsCommitted(FailoverFleet fleet, long start) => fleet.Models.All(model => fleet.Commits.CommittedAt(model, start) is not null);

    private async Task UntilAsync(Func<Task<bool>> condition, string what, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        while (!await condition())
        {
            if (time.GetElapsedTime(began) > Patience)
            {
                throw new CampaignFailedException($"not within {Patience.TotalMinutes:0} min: {what}");
            }

            await Task.Delay(LookEvery, time, cancellationToken);
        }
    }
}
