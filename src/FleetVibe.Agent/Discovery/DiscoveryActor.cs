using System.Diagnostics.CodeAnalysis;
using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Sources;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;

namespace FleetVibe.Agent.Discovery;

/// <summary>Makes the finder of one discovery.</summary>
internal delegate ITargetFinder FinderFactory(DiscoverySettings settings, TimeProvider time);

/// <summary>
/// Keeps one discovery looking and tells the agent which sources there are now. What fails is told once, and changes
/// nothing of what was found before.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "an actor releases what it holds in PostStop")]
internal sealed class DiscoveryActor : UntypedActor, IWithTimers
{
    private static readonly TimeSpan RestartAfter = TimeSpan.FromSeconds(10);

    private readonly DiscoverySettings _settings;
    private readonly FinderFactory _factory;
    private readonly TimeProvider _time;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private CancellationTokenSource _stop = new();
    private string _problem = "";

    public DiscoveryActor(DiscoverySettings settings, FinderFactory factory, TimeProvider time)
    {
        _settings = settings;
        _factory = factory;
        _time = time;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    internal static Props CreateProps(DiscoverySettings settings, FinderFactory factory, TimeProvider time) =>
        Props.Create(() => new DiscoveryActor(settings, factory, time));

    protected override void PreStart() => Watch();

    protected override void PostStop()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Looked looked:
                OnOutcome(looked.Outcome);
                break;
            case WatchEnded ended:
                Timers.StartSingleTimer(nameof(RestartDue), RestartDue.Instance, RestartAfter);
                OnOutcome(DiscoveryOutcome.Failed($"the discovery stopped with {ended.Cause?.GetType().Name ?? "no reason"}: {ended.Cause?.Message}; it begins again"));
                break;
            case RestartDue:
                _stop.Dispose();
                _stop = new CancellationTokenSource();
                Watch();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Watch()
    {
        var (self, finder, token) = (Self, _factory(_settings, _time), _stop.Token);
        Task.Run(async () =>
        {
            await foreach (var outcome in finder.WatchAsync(token))
            {
                self.Tell(new Looked(outcome));
            }
        }).ContinueWith(
            ended =>
            {
                if (!token.IsCancellationRequested)
                {
                    self.Tell(new WatchEnded(ended.Exception?.InnerException));
                }
            },
            TaskScheduler.Default);
    }

    private void OnOutcome(DiscoveryOutcome outcome)
    {
        Tell(outcome.Problem);
        if (outcome.Targets is not { } targets)
        {
            return;
        }

        var (sources, problems) = TargetSources.Of(_settings.Source, targets);
        foreach (var problem in problems.Where(_told.Add))
        {
            _log.Warning("{0}: {1}; it is left out", _settings.Key, problem);
        }

        _told.IntersectWith(problems);
        Context.Parent.Tell(new TargetsFound(_settings.Key, sources));
    }

    // One line while nothing changes, not one a look.
    private void Tell(string problem)
    {
        if (problem == _problem)
        {
            return;
        }

        _problem = problem;
        if (problem.Length == 0)
        {
            _log.Info("{0} can be read again", _settings.Key);
            return;
        }

        _log.Warning("{0}: {1}; what was found before stays", _settings.Key, problem);
        Context.Parent.Tell(new Happened(Occurrence.DiscoveryFailed, $"{_settings.Key}: {problem}"));
    }

    /// <summary>To the agent: the sources of one discovery as they are now.</summary>
    internal sealed record TargetsFound(string Discovery, IReadOnlyList<SourceSettings> Sources) : INoSerializationVerificationNeeded;

    private sealed record Looked(DiscoveryOutcome Outcome) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed record WatchEnded(Exception? Cause) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed class RestartDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        internal static RestartDue Instance { get; } = new();
    }
}
