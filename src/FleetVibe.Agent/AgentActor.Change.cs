using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Changing;
using FleetVibe.Agent.Sources;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;

namespace FleetVibe.Agent;

/// <summary>
/// Other sources while the agent runs, one change after the other: those that go are collected once more and stop; those
/// that stay and count otherwise from now on are collected too; then roles change, and those that come start. So each
/// moment is counted by one of two that may see the same requests.
/// </summary>
internal sealed partial class AgentActor
{
    // A source that is gone answers no more: what it had is lost with it, and the others shall not wait for it.
    private static readonly TimeSpan CollectPatience = TimeSpan.FromSeconds(5);

    private AgentSettings _configured;
    private AgentSettings? _changingTo;
    private SourcePlan? _plan;
    private ChangeStep _step;
    private long _ticket;
    private bool _changedAgain;

    private enum ChangeStep
    {
        None,
        CollectLast,
        Stop,
        CollectKept,
    }

    private void OnWantedChanged()
    {
        if (_step != ChangeStep.None)
        {
            _changedAgain = true;
        }
        else if (_accumulator is null || _tearingDown || _stopper is not null)
        {
            _settings = Wanted();
        }
        else
        {
            BeginChange();
        }
    }

    private void BeginChange()
    {
        _changedAgain = false;
        _changingTo = Wanted();
        _plan = SourcePlan.Between(_settings.Sources, _changingTo.Sources);
        _step = ChangeStep.CollectLast;
        CollectOnce(_plan.Stop);
    }

    private void CollectOnce(IReadOnlyList<SourceSettings> sources)
    {
        var keys = sources.Where(source => source.Rank != SourceRank.None && _sources.ContainsKey(source.Key)).Select(source => source.Key).ToList();
        _ticket++;
        if (keys.Count == 0)
        {
            OnCollected(_ticket);
            return;
        }

        _accumulator!.Tell(new AwaitCollected(_ticket, keys));
        foreach (var key in keys)
        {
            _sources[key].Tell(SourceMessages.CollectDue.Instance);
        }

        Timers.StartSingleTimer(nameof(CollectPatience), new Collected(_ticket), CollectPatience);
    }

    private void OnCollected(long ticket)
    {
        if (ticket != _ticket || _step is ChangeStep.None or ChangeStep.Stop)
        {
            return;
        }

        Timers.Cancel(nameof(CollectPatience));
        if (_step == ChangeStep.CollectKept)
        {
            FinishChange();
            return;
        }

        _step = ChangeStep.Stop;
        foreach (var source in _plan!.Stop.Where(source => _sources.ContainsKey(source.Key)))
        {
            Timers.Cancel(source.Key);
            Context.Stop(_sources[source.Key]);
        }

        GoOnWithChange();
    }

    private void GoOnWithChange()
    {
        if (_step == ChangeStep.Stop && !_plan!.Stop.Any(source => _sources.ContainsKey(source.Key)))
        {
            _step = ChangeStep.CollectKept;
            CollectOnce(HandOver.Affected(_settings.Sources, _changingTo!.Sources, _plan.Keep));
        }
    }

    private void FinishChange()
    {
        var (plan, to, before) = (_plan!, _changingTo!, _settings);
        _step = ChangeStep.None;
        (_plan, _changingTo, _settings) = (null, null, to);
        _accumulator!.Tell(new ChangeSettings(to));
        _uplink!.Tell(new ChangeSettings(to));
        foreach (var source in plan.Start)
        {
            StartSource(source);
        }

        if (before.Interval != to.Interval)
        {
            _lastDue.Clear();
            ScheduleAll();
        }

        if (!plan.IsEmpty)
        {
            _log.Info("sources changed: {0}", plan);
            _accumulator.Tell(new Happened(Occurrence.SourcesChanged, plan.ToString()));
        }

        if (_changedAgain)
        {
            BeginChange();
        }
    }

    // All begins again from the spool, with what is wanted by then.
    private void GiveUpChange()
    {
        Timers.Cancel(nameof(CollectPatience));
        _step = ChangeStep.None;
        (_plan, _changingTo, _changedAgain) = (null, null, false);
        _settings = Wanted();
    }
}
