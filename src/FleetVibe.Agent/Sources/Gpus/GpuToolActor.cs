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

    private readonly GpuSourceSettings settings;
    private readonly IGpuTool tool;
    private readonly TimeProvider time;
    private readonly IToolProcess process;
    private readonly IToolProcess? scanner;
    private readonly GpuWatch? watch;
    private readonly GpuReporter reporter;
    private readonly ILoggingAdapter log = Context.GetLogger();
    private readonly List<GpuSample> tick = [];

    private CancellationTokenSource? run;
    private int generation;
    private bool isRunning;
    private bool isSilenced;
    private bool isStarted;
    private bool isRefused;
    private bool hasSample;
    private TimeSpan pause = MinPause;
    private string lastText = "";

    public GpuToolActor(GpuSourceSettings settings, IGpuTool tool, IActorRef accumulator, TimeProvider time, IToolProcess process, IToolProcess? scanner, GpuWatch? watch)
    {
        this.settings = settings;
        this.tool = tool;
        this.time = time;
        this.process = process;
        this.scanner = scanner;
        this.watch = watch;
        reporter = new GpuReporter(settings, accumulator, Self, time, watch, log, settings.Command, () => ReadTimeout);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan ReadTimeout => settings.SampleInterval * 3 > MinReadTimeout ? settings.SampleInterval * 3 : MinReadTimeout;

    /// <param name="createTool">For each incarnation of the actor its own.</param>
    /// <param name="scanner">Runs the second query; null means that there is none.</param>
    internal static Props CreateProps(
        GpuSourceSettings settings, Func<IGpuTool> createTool, IActorRef accumulator, TimeProvider time, IToolProcess process, IToolProcess? scanner = null, Func<GpuWatch>? createWatch = null) =>
        Props.Create(() => new GpuToolActor(settings, createTool(), accumulator, time, process, scanner, createWatch == null ? null : createWatch()));

    protected override void PreStart() => reporter.Ready();

    protected override void PostStop()
    {
        KillRun();
        KillScan();
        watch?.Dispose();
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case StartSource start:
                reporter.Start(start.Checkpoint);
                if (!isStarted)
                {
                    isStarted = true;
                    StartRun();
                }

                break;
            case CollectDue:
                Scan();
                reporter.OnCollectDue(isStarted);
                break;
            case ReportFolded:
                reporter.OnFolded();
                break;
            case LineRead line:
                if (line.Generation == generation)
                {
                    OnLine(line.Text);
                }

                break;
            case RunEnded ended:
                if (ended.Generation == generation)
                {
                    OnEnded(ended);
                }

                break;
            case TickOver:
                EndTick();
                break;
            case SilenceDue due:
                if (due.Generation == generation)
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
        if (isRunning)
        {
            return;
        }

        isRunning = true;
        isSilenced = false;
        isRefused = false;
        hasSample = false;
        lastText = "";
        generation++;
        tool.Begin();
        var (self, current) = (Self, generation);
        var cancellation = run = new CancellationTokenSource();
        var arguments = tool.Arguments;
        Task.Run(() => process.RunAsync(settings.Command, arguments, line => self.Tell(new LineRead(current, line)), cancellation.Token))
            .PipeTo(self, success: code => new RunEnded(current, code, null), failure: fault => new RunEnded(current, 0, fault));
        AwaitLine();
    }

    private void AwaitLine() => Timers.StartSingleTimer(SilenceTimer, new SilenceDue(generation), ReadTimeout);

    private void OnLine(string text)
    {
        var line = tool.Read(text, time.GetUtcNow());
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
                isRefused = true;
                log.Info("{Command} does not know all that was asked: {Text}", settings.Command, ToolText.Clean(text));
                break;
            default:
                if (!string.IsNullOrWhiteSpace(text))
                {
                    // No reason to wait longer: a tool that only complains is as good as silent.
                    lastText = text;
                    watch?.TakeText(text, time.GetUtcNow());
                    reporter.Skip(line.Kind == ToolLineKind.Skipped ? 1 : 0);
                }

                break;
        }
    }

    private void OnSample(GpuSample sample)
    {
        hasSample = true;
        reporter.Alive();
        pause = MinPause;
        if (tick.Exists(other => other.Gpu == sample.Gpu))
        {
            EndTick();
        }

        tick.Add(sample);
        Timers.StartSingleTimer(TickTimer, TickOver.Instance, TickGap);
    }

    private void EndTick()
    {
        IReadOnlyList<GpuSample> whole = [.. tick];
        tick.Clear();
        reporter.Add(whole);
    }

    private void OnSilence()
    {
        isSilenced = true;
        reporter.Fail($"{settings.Command} printed nothing for {ReadTimeout.TotalSeconds:0} s and is being killed; a hanging driver or GPU does that, see the kernel log{(watch is null ? "" : " for Xid errors")}");
        KillRun();
    }

    private void OnEnded(RunEnded ended)
    {
        Timers.Cancel(SilenceTimer);
        isRunning = false;
        run?.Dispose();
        run = null;
        foreach (var sample in tool.End(time.GetUtcNow()))
        {
            OnSample(sample);
        }

        EndTick();
        if (isRefused)
        {
            StartRun();
            return;
        }

        if (tool.EndsByItself && hasSample && ended is { Fault: null, ExitCode: 0 })
        {
            Timers.StartSingleTimer(StartTimer, StartDue.Instance, settings.SampleInterval);
            return;
        }

        // A run that was killed for its silence keeps that as its reason.
        if (!isSilenced)
        {
            reporter.Fail(ended.Fault is { } fault
                ? $"{settings.Command} cannot be run: {ToolText.Clean(fault.Message)}; {tool.Cure}"
                : tool.Describe(ended.ExitCode, lastText));
        }

        reporter.ReportIfDue();
        tool.Forget();
        Timers.StartSingleTimer(StartTimer, StartDue.Instance, pause);
        pause = pause * 2 < MaxPause ? pause * 2 : MaxPause;
    }

    private void KillRun()
    {
        var cancellation = run;
        run = null;

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
