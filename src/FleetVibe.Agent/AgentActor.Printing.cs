using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Printing;
using FleetVibe.Agent.Sources;

namespace FleetVibe.Agent;

/// <summary>An agent that prints its points and is told when to collect.</summary>
internal sealed partial class AgentActor
{
    // Whoever ends it waits 5 s before it grows rude.
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(3.5);
    private static readonly TimeSpan LastRoundWithin = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan RoundWithin = TimeSpan.FromSeconds(8);

    private readonly CollectRound _round = new();
    private readonly HashSet<string> _started = new(StringComparer.Ordinal);
    private bool _isPrompted;

    private void OnCollect()
    {
        _isPrompted = true;
        if (_round.IsOpen || _stopper is not null)
        {
            return;
        }

        if (_accumulator is null || _tearingDown)
        {
            _round.Ask();
        }
        else
        {
            BeginRound();
        }
    }

    private void BeginRound()
    {
        _round.Begin(_sources.Keys);
        if (!_round.IsOpen)
        {
            // All sources may have been taken out; those that come are asked by the next prompt.
            OnRoundEnded();
            return;
        }

        Timers.StartSingleTimer(nameof(RoundOverdue), RoundOverdue.Instance, _stopper is null ? RoundWithin : LastRoundWithin);
        foreach (var key in _round.Missing.Where(_started.Contains))
        {
            AskToCollect(key);
        }
    }

    // Before it has started a source does not hear that it is to collect.
    private void OnStarted(string source)
    {
        _started.Add(source);
        if (_round.Missing.Contains(source))
        {
            AskToCollect(source);
        }
    }

    private void AskToCollect(string source)
    {
        if (_sources.TryGetValue(source, out var actor))
        {
            actor.Tell(SourceMessages.CollectDue.Instance);
        }
    }

    private void OnGone(string source)
    {
        _started.Remove(source);
        OnCollected(source);
    }

    private void OnCollected(string source)
    {
        if (_round.Collected(source))
        {
            OnRoundEnded();
        }
    }

    private void OnRoundEnded()
    {
        Timers.Cancel(nameof(RoundOverdue));
        if (_stopper is not null)
        {
            StopSourcesOnceCollected();
        }
    }

    // A round that is under way ends first, so that what was asked for is printed.
    private void StopSourcesOnceCollected()
    {
        if (_round.IsOpen)
        {
            Timers.StartSingleTimer(nameof(RoundOverdue), RoundOverdue.Instance, LastRoundWithin);
            return;
        }

        StopSources();
        GoOnOnceStopped();
    }

    private void LimitStop() => Timers.StartSingleTimer(nameof(StopOverdue), StopOverdue.Instance, StopWithin);

    private void OnStopOverdue()
    {
        _log.Warning("not everything could be printed in time: the rest stays in the spool and is printed after the next start");
        _stopper?.Tell(AgentStopped.Instance);
    }

    /// <summary>Every source collects now, and from now on no longer by the agent's own clock.</summary>
    internal sealed class Collect : INoSerializationVerificationNeeded
    {
        internal static Collect Instance { get; } = new();
    }

    private sealed class RoundOverdue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        internal static RoundOverdue Instance { get; } = new();
    }

    private sealed class StopOverdue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        internal static StopOverdue Instance { get; } = new();
    }
}
