using System.Diagnostics.CodeAnalysis;
using Akka.Actor;
using Akka.Event;
using static FleetVibe.Agent.Sources.SourceMessages;

namespace FleetVibe.Agent.Sources.NvidiaSmi;

/// <summary>
/// Keeps one nvidia-smi running and reports a sample of every GPU for each tick of its loop. When it ends or falls silent it
/// is killed and, after a pause that grows, started anew; the next never starts before the last is gone.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "an actor releases what it holds in PostStop")]
internal sealed class NvidiaSmiActor : UntypedActor, IWithTimers
{
    // What is not folded by then is older than any window that still cares.
    private const int MaxPending = 1024;
    private const string StartTimer = "start";
    private const string SilenceTimer = "silence";
    private const string TickTimer = "tick";

    /// <summary>The rows of one tick come together; after this much quiet the tick is over.</summary>
    private static readonly TimeSpan TickGap = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MinReadTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MinPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(60);

    private readonly NvidiaSmiSourceSettings settings;
    private readonly IActorRef accumulator;
    private readonly TimeProvider time;
    private readonly IGpuQueryProcess process;
    private readonly ILoggingAdapter log = Context.GetLogger();
    private readonly List<GpuSample> tick = [];
    private readonly List<GpuSample> pending = [];

    private GpuQuery query = GpuQuery.Full;
    private GpuQuery? retry;
    private GpuCsv? csv;
    private CancellationTokenSource? run;
    private int generation;
    private bool isRunning;
    private bool isSilenced;
    private bool isStarted;
    private bool isAwaitingFold;
    private bool isStatusDue;
    private bool hasRowSinceStatus;
    private long? lastRowAt;
    private TimeSpan pause = MinPause;
    private long skipped;
    private string lastText = "";
    private string? failure;
    private string? toldFailure;

    public NvidiaSmiActor(NvidiaSmiSourceSettings settings, IActorRef accumulator, TimeProvider time, IGpuQueryProcess process)
    {
        this.settings = settings;
        this.accumulator = accumulator;
        this.time = time;
        this.process = process;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan ReadTimeout => settings.SampleInterval * 3 > MinReadTimeout ? settings.SampleInterval * 3 : MinReadTimeout;

    internal static Props CreateProps(NvidiaSmiSourceSettings settings, IActorRef accumulator, TimeProvider time) =>
        CreateProps(settings, accumulator, time, new GpuQueryProcess(time));

    internal static Props CreateProps(NvidiaSmiSourceSettings settings, IActorRef accumulator, TimeProvider time, IGpuQueryProcess process) =>
        Props.Create(() => new NvidiaSmiActor(settings, accumulator, time, process));

    protected override void PreStart() => accumulator.Tell(new SourceReady(settings.Key));

    protected override void PostStop() => KillRun();

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case StartSource:
                // GPU samples have no past: there is no checkpoint to go back to.
                isAwaitingFold = false;
                if (!isStarted)
                {
                    isStarted = true;
                    StartRun();
                }

                break;
            case CollectDue:
                isStatusDue = isStarted;
                ReportIfDue();
                break;
            case ReportFolded:
                isAwaitingFold = false;
                ReportIfDue();
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
        generation++;
        csv = null;
        retry = null;
        lastText = "";
        var (self, current) = (Self, generation);
        var cancellation = run = new CancellationTokenSource();
        var arguments = query.Arguments(settings.SampleInterval);
        Task.Run(() => process.RunAsync(settings.Command, arguments, line => self.Tell(new LineRead(current, line)), cancellation.Token))
            .PipeTo(self, success: code => new RunEnded(current, code, null), failure: fault => new RunEnded(current, 0, fault));
        AwaitLine();
    }

    private void AwaitLine() => Timers.StartSingleTimer(SilenceTimer, new SilenceDue(generation), ReadTimeout);

    private void OnLine(string text)
    {
        if (csv is null && GpuCsv.FromHeader(text) is { } header)
        {
            csv = header;
            AwaitLine();
            return;
        }

        if (csv?.Read(text, time.GetUtcNow()) is { } sample)
        {
            AwaitLine();
            OnSample(sample);
        }
        else if (query.WithoutRefused(text) is { } smaller)
        {
            retry = smaller;
            log.Info("{Command} does not know every field: {Text}", settings.Command, NvidiaSmiFailure.Clean(text));
        }
        else if (!string.IsNullOrWhiteSpace(text))
        {
            // No reason to wait longer: a tool that only complains is as good as silent.
            lastText = text;
            skipped += csv is null ? 0 : 1;
        }
    }

    private void OnSample(GpuSample sample)
    {
        hasRowSinceStatus = true;
        lastRowAt = time.GetTimestamp();
        failure = null;
        pause = MinPause;
        TellState();
        if (tick.Exists(other => other.Gpu == sample.Gpu))
        {
            EndTick();
        }

        tick.Add(sample);
        Timers.StartSingleTimer(TickTimer, TickOver.Instance, TickGap);
    }

    private void EndTick()
    {
        pending.AddRange(tick);
        tick.Clear();
        if (pending.Count > MaxPending)
        {
            skipped += pending.Count - MaxPending;
            pending.RemoveRange(0, pending.Count - MaxPending);
        }

        ReportIfDue();
    }

    private void OnSilence()
    {
        isSilenced = true;
        failure = $"{settings.Command} printed nothing for {ReadTimeout.TotalSeconds:0} s and is being killed; a hanging driver or GPU does that, see the kernel log for Xid errors";
        TellState();
        KillRun();
    }

    private void OnEnded(RunEnded ended)
    {
        Timers.Cancel(SilenceTimer);
        isRunning = false;
        run?.Dispose();
        run = null;
        EndTick();
        if (retry is { } smaller)
        {
            query = smaller;
            StartRun();
            return;
        }

        // A run that was killed for its silence keeps that as its reason.
        if (!isSilenced)
        {
            failure = ended.Fault is { } fault
                ? $"{settings.Command} cannot be run: {NvidiaSmiFailure.Clean(fault.Message)}; install the NVIDIA driver or set `command`"
                : NvidiaSmiFailure.Describe(settings.Command, ended.ExitCode, lastText);
        }

        TellState();
        ReportIfDue();

        // The next start may meet another driver, with other fields.
        query = GpuQuery.Full;
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

    private void ReportIfDue()
    {
        if (isAwaitingFold)
        {
            return;
        }

        var status = isStatusDue ? TakeStatus() : null;
        isStatusDue &= status is null;
        if (status is null && pending.Count == 0)
        {
            return;
        }

        isAwaitingFold = true;
        accumulator.Tell(new SourceReport(settings.Key) { Gpus = [.. pending], Status = status });
        pending.Clear();
    }

    /// <summary>Null while the first row is still waited for: unknown is neither up nor down.</summary>
    private CollectionStatus? TakeStatus()
    {
        var isFresh = hasRowSinceStatus || (isRunning && lastRowAt is { } at && time.GetElapsedTime(at) < ReadTimeout);
        if (!isFresh && failure is null)
        {
            return null;
        }

        var isDown = failure is not null && !hasRowSinceStatus;
        var status = new CollectionStatus(
            time.GetUtcNow(), isDown ? ErrorClass.ToolFailed : null, isDown ? failure! : "", TimeSpan.Zero, skipped, 0);
        hasRowSinceStatus = false;
        skipped = 0;
        return status;
    }

    private void TellState()
    {
        if (failure is not null && toldFailure is null)
        {
            log.Warning("{Failure}", failure);
        }
        else if (failure is null && toldFailure is not null)
        {
            log.Info("{Command} brings samples again", settings.Command);
        }

        toldFailure = failure;
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
