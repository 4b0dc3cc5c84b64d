using System.Diagnostics.CodeAnalysis;
using Akka.Actor;
using Akka.Event;
using static FleetVibe.Agent.Sources.SourceMessages;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>
/// Keeps one tool running, or runs it once an interval where it ends by itself, and reports its samples. When it fails or
/// falls silent it is killed and, after a pause that grows, started anew; the next never starts before the last is gone.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "an actor releases what it holds in PostStop")]
internal sealed partial class GpuToolActor : UntypedActor, IWithTimers
{
    private const string StartTimer = "start";
    private const string SilenceTimer = "silence";
    private const string TickTimer = "tick";

    /// <summary>The rows of one tick come together; after this much quiet the tick is over.</summary>
    private static readonly TimeSpan TickGap = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MinReadTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MinPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(60);

    private readonly GpuSourceSettings _settings;
    private readonly IGpuTool _tool;
    private readonly TimeProvider _time;
    private readonly IToolProcess _process;
    private readonly IToolProcess? _scanner;
    private readonly GpuWatch? _watch;
    private readonly GpuReporter _reporter;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly List<GpuSample> _tick = [];

    private CancellationTokenSource? _run;
    private int _generation;
    private bool _isRunning;
    private bool _isSilenced;
    private bool _isStarted;
    private bool _isRefused;
    private bool _hasSample;
    private TimeSpan _pause = MinPause;
    private string _lastText = "";

    public GpuToolActor(GpuSourceSettings settings, IGpuTool tool, IActorRef accumulator, TimeProvider time, IToolProcess process, IToolProcess? scanner, GpuWatch? watch)
    {
        _settings = settings;
        _tool = tool;
        _time = time;
        _process = process;
        _scanner = scanner;
        _watch = watch;
        _reporter = new GpuReporter(settings, accumulator, Self, time, watch, _log, settings.Command, () => ReadTimeout);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan ReadTimeout => _settings.SampleInterval * 3 > MinReadTimeout ? _settings.SampleInterval * 3 : MinReadTimeout;

    /// <param name="createTool">For each incarnation of the actor its own.</param>
    /// <param name="scanner">Runs the second query; null means that there is none.</param>
    internal static Props CreateProps(
        GpuSourceSettings settings, Func<IGpuTool> createTool, IActorRef accumulator, TimeProvider time, IToolProcess process, IToolProcess? scanner = null, Func<GpuWatch>? createWatch = null) =>
        Props.Create(() => new GpuToolActor(settings, createTool(), accumulator, time, process, scanner, createWatch == null ? null : createWatch()));

    protected override void PreStart() => _reporter.Ready();

    protected override void PostStop()
    {
        KillRun();
        KillScan();
        _watch?.Dispose();
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case StartSource start:
                _reporter.Start(start.Checkpoint);
                if (!_isStarted)
                {
                    _isStarted = true;
                    StartRun();
                }

                break;
            case CollectDue:
                Scan();
                _reporter.OnCollectDue(_isStarted);
                break;
            case ReportFolded:
                _reporter.OnFolded();
                break;
            case LineRead line:
                if (line.Generation == _generation)
                {
                    OnLine(line.Text);
                }

                break;
            case RunEnded ended:
                if (ended.Generation == _generation)
                {
                    OnEnded(ended);
                }

                break;
            case TickOver:
                EndTick();
                break;
            case SilenceDue due:
                if (due.Generation == _generation)
                {
                    OnSilence();
                }

                break;
            case StartDue:
                StartRun();
                break;
            case ScanEnded scanned:
                OnScanned(scanned);
                break;
            case ScanTooLong:
                KillScan();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void StartRun()
    {
        if (_isRunning)
        {
            return;
        }

        _isRunning = true;
        _isSilenced = false;
        _isRefused = false;
        _hasSample = false;
        _lastText = "";
        _generation++;
        _tool.Begin();
        var (self, current) = (Self, _generation);
        var cancellation = _run = new CancellationTokenSource();
        var arguments = _tool.Arguments;
        Task.Run(() => _process.RunAsync(_settings.Command, arguments, line => self.Tell(new LineRead(current, line)), cancellation.Token))
            .PipeTo(self, success: code => new RunEnded(current, code, null), failure: fault => new RunEnded(current, 0, fault));
        AwaitLine();
    }

    private void AwaitLine() => Timers.StartSingleTimer(SilenceTimer, new SilenceDue(_generation), ReadTimeout);

    private void OnLine(string text)
    {
        var line = _tool.Read(text, _time.GetUtcNow());
        switch (line.Kind)
        {
            case ToolLineKind.Sample:
                AwaitLine();
                OnSample(line.Sample!);
                break;
            case ToolLineKind.Part:
                AwaitLine();
                break;
            case ToolLineKind.Refused:
                _isRefused = true;
                _log.Info("{Command} does not know all that was asked: {Text}", _settings.Command, ToolText.Clean(text));
                break;
            default:
                if (!string.IsNullOrWhiteSpace(text))
                {
                    // No reason to wait longer: a tool that only complains is as good as silent.
                    _lastText = text;
                    _watch?.TakeText(text, _time.GetUtcNow());
                    _reporter.Skip(line.Kind == ToolLineKind.Skipped ? 1 : 0);
                }

                break;
        }
    }

    private void OnSample(GpuSample sample)
    {
        _hasSample = true;
        _reporter.Alive();
        _pause = MinPause;
        if (_tick.Exists(other => other.Gpu == sample.Gpu))
        {
            EndTick();
        }

        _tick.Add(sample);
        Timers.StartSingleTimer(TickTimer, TickOver.Instance, TickGap);
    }

    private void EndTick()
    {
        IReadOnlyList<GpuSample> whole = [.. _tick];
        _tick.Clear();
        _reporter.Add(whole);
    }

    private void OnSilence()
    {
        _isSilenced = true;
        _reporter.Fail($"{_settings.Command} printed nothing for {ReadTimeout.TotalSeconds:0} s and is being killed; a hanging driver or GPU does that, see the kernel log{(_watch is null ? "" : " for Xid errors")}");
        KillRun();
    }

    private void OnEnded(RunEnded ended)
    {
        Timers.Cancel(SilenceTimer);
        _isRunning = false;
        _run?.Dispose();
        _run = null;
        foreach (var sample in _tool.End(_time.GetUtcNow()))
        {
            OnSample(sample);
        }

        EndTick();
        if (_isRefused)
        {
            StartRun();
            return;
        }

        if (_tool.EndsByItself && _hasSample && ended is { Fault: null, ExitCode: 0 })
        {
            Timers.StartSingleTimer(StartTimer, StartDue.Instance, _settings.SampleInterval);
            return;
        }

        // A run that was killed for its silence keeps that as its reason.
        if (!_isSilenced)
        {
            _reporter.Fail(ended.Fault is { } fault
                ? $"{_settings.Command} cannot be run: {ToolText.Clean(fault.Message)}; {_tool.Cure}"
                : _tool.Describe(ended.ExitCode, _lastText));
        }

        _reporter.ReportIfDue();
        _tool.Forget();
        Timers.StartSingleTimer(StartTimer, StartDue.Instance, _pause);
        _pause = _pause * 2 < MaxPause ? _pause * 2 : MaxPause;
    }

    private void KillRun()
    {
        var cancellation = _run;
        _run = null;

        // Its callbacks kill a process group: not on this thread.
        _ = cancellation?.CancelAsync();
    }

    private sealed record LineRead(int Generation, string Text) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed record RunEnded(int Generation, int ExitCode, Exception? Fault) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed record SilenceDue(int Generation) : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout;

    private sealed class TickOver : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        public static TickOver Instance { get; } = new();

        private TickOver()
        {
        }
    }

    private sealed class StartDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        public static StartDue Instance { get; } = new();

        private StartDue()
        {
        }
    }
}
