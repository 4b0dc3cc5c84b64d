using Akka.Actor;
using FleetVibe.Agent.Points;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;

namespace FleetVibe.Agent.Accumulating;

/// <summary>Other settings while windows are open; <see cref="AccumulatorState.Change"/> says what becomes of those.</summary>
internal sealed partial class AccumulatorActor
{
    private readonly HashSet<string> _awaited = new(StringComparer.Ordinal);
    private long _awaitedTicket;
    private NodeFacts _facts = new();

    private bool MayStart(string sourceKey) =>
        MayAnswer(sourceKey) && !_state.IsSuperseding(sourceKey) && _inFlight?.Superseded.Contains(sourceKey) != true;

    private void OnChange(AgentSettings settings)
    {
        _settings = settings;
        _state.Change(settings, _time.GetUtcNow());
        _waiting.RemoveAll(waiting => settings.Sources.All(source => source.Key != waiting.Key));
        _facts = _facts with { Retired = _state.Retired };
        RenewCloser();
        OnRoom(_status);
        Answer();
        WriteIfDue();
    }

    private void OnAwait(AwaitCollected wanted)
    {
        _awaitedTicket = wanted.Ticket;
        _awaited.Clear();
        _awaited.UnionWith(wanted.SourceKeys);
    }

    private void NoteCollected(string sourceKey)
    {
        if (_awaited.Remove(sourceKey) && _awaited.Count == 0)
        {
            Context.Parent.Tell(new Collected(_awaitedTicket));
        }
    }

    private void OnHappened(Happened happened)
    {
        switch (happened.What)
        {
            case Occurrence.SourcesChanged:
                Raise(EventPoints.SourcesChanged, EventPoints.Info, happened.Text);
                break;
            case Occurrence.ConfigReloaded:
                _facts = _facts with { Reloads = _facts.Reloads + 1 };
                break;
            case Occurrence.ConfigRefused:
                _facts = _facts with { ReloadsFailed = _facts.ReloadsFailed + 1 };
                Raise(EventPoints.ConfigRefused, EventPoints.Error, happened.Text);
                break;
            default:
                _facts = _facts with { DiscoveryFailures = _facts.DiscoveryFailures + 1 };
                Raise(EventPoints.DiscoveryFailed, EventPoints.Warning, happened.Text);
                break;
        }

        RenewCloser();
    }

    // A transaction under way keeps the one that it began with.
    private void RenewCloser() => _closer = new WindowCloser(_settings, _facts);
}
