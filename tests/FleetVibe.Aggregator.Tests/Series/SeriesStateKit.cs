using FleetVibe.Aggregator.Series;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;

namespace FleetVibe.Aggregator.Tests.Series;

/// <summary>One series whose effects are carried out at once.</summary>
public abstract class SeriesStateKit
{
    private protected const long W = 1_000_000;

    private protected ModelGateway Gateway { get; } = new();

    private protected List<SeriesEffect> Seen { get; } = [];

    private protected SeriesState State { get; set; } = new(Wire.Series, new SeriesRules());

    private protected Moment Now { get; set; } = At(W);

    private protected bool HoldsCommits { get; set; }

    private protected static Moment At(double unixSeconds) => Clock.At(DateTimeOffset.UnixEpoch.AddSeconds(unixSeconds));

    private protected void StartWith(params string[] hosts)
    {
        State.Start();
        State.OpenWindowsLoaded(Gateway.LoadOpen(Wire.Series), Now);
        foreach (var host in hosts)
        {
            State.Declare(new DeclareHost { Series = Wire.Series, Host = host }, At(W + 0.5));
        }

        Run();
        Seen.Clear();
    }

    private protected void Merge(string node, ulong seq, long start, int requests, WindowLevel level = WindowLevel._10S)
    {
        State.Merge(Wire.Merge(node, seq, start, Wire.Totals(requests), level: level), "session", Now);
        Run();
    }

    private protected void TickAt(double unixSeconds) => TickAt(At(unixSeconds));

    private protected void TickAt(Moment now)
    {
        Now = now;
        State.Tick(Now);
        Run();
    }

    private protected WindowState Window(long start) => Gateway.Windows[(Wire.Series, WindowLevel._10S, start)];

    private protected List<ContributionSettled> Settled() =>
        [.. Seen.OfType<SeriesEffect.Answer>().Select(answer => answer.Message).OfType<ContributionSettled>()];

    private protected void Run() => Drive(State);

    private protected void Drive(SeriesState state)
    {
        for (var effects = state.TakeEffects(); effects.Count > 0; effects = state.TakeEffects())
        {
            foreach (var effect in effects)
            {
                if (state == State)
                {
                    Seen.Add(effect);
                }

                switch (effect)
                {
                    case SeriesEffect.Load load:
                        state.WindowLoaded(load.Window, load.Ticket, Gateway.Load(load.Window.ToWire(Wire.Series)), Now);
                        break;
                    case SeriesEffect.Commit commit when !HoldsCommits:
                        state.CommitAnswered(commit.Window, commit.Ticket, commit.Request, Gateway.Commit(commit.Request), Now);
                        break;
                    default:
                        break;
                }
            }
        }
    }
}
