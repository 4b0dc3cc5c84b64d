using Akka.Actor;
using Akka.Event;
using FleetVibe.Agent.Sources.Gpus;
using static FleetVibe.Agent.Sources.SourceMessages;

namespace FleetVibe.Agent.Sources.Nvml;

/// <summary>Loads the library; null where there is none, and then the reason.</summary>
internal delegate INvml? NvmlLoader(string library, out string problem);

/// <summary>
/// Reads all boards once a sample interval on the agent's NVML thread, and never waits for it: a call that does not come
/// back makes the source stuck, which it says. Where there is no library it leaves everything to nvidia-smi.
/// </summary>
internal sealed class NvmlActor : UntypedActor, IWithTimers
{
    private const string LookTimer = "look";

    /// <summary>A call that takes longer hangs.</summary>
    internal static readonly TimeSpan StuckAfter = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ScanInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MinPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(60);

    private readonly NvmlSourceSettings settings;
    private readonly TimeProvider time;
    private readonly NvmlThread thread;
    private readonly NvmlLoader load;
    private readonly Func<Props> fallback;
    private readonly GpuWatch watch;
    private readonly GpuReporter reporter;
    private readonly ILoggingAdapter log = Context.GetLogger();

    private IActorRef? child;
    private NvmlReader? reader;
    private long askedAt;
    private bool isAsking;
    private bool isStarted;
    private bool isAnnounced;
    private long? scannedAt;
    private long notBefore;
    private TimeSpan pause = MinPause;

    public NvmlActor(NvmlSourceSettings settings, IActorRef accumulator, TimeProvider time, NvmlThread thread, NvmlLoader load, GpuWatch watch, Func<Props> fallback)
    {
        this.settings = settings;
        this.time = time;
        this.thread = thread;
        this.load = load;
        this.watch = watch;
        this.fallback = fallback;
        reporter = new GpuReporter(settings, accumulator, Self, time, watch, log, "NVML", () => StuckAfter);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <param name="thread">The agent's: an incarnation that hung keeps it from the next.</param>
    /// <param name="fallback">The actor that reads nvidia-smi under this source's key.</param>
    internal static Props CreateProps(
        NvmlSourceSettings settings, IActorRef accumulator, TimeProvider time, NvmlThread thread, NvmlLoader load, Func<GpuWatch> createWatch, Func<Props> fallback) =>
        Props.Create(() => new NvmlActor(settings, accumulator, time, thread, load, createWatch(), fallback));

    protected override void PreStart()
    {
        Ask();
        Timers.StartPeriodicTimer(LookTimer, LookDue.Instance, settings.SampleInterval);
    }

    protected override void PostStop()
    {
        var open = reader;
        if (open is not null)
        {
            // Not where a call hangs: then the library stays open, as the hanging call has it.
            thread.TryRun(
                () =>
                {
                    open.Close();
                    return true;
                },
                static (_, _) => { });
        }

        watch.Dispose();
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case CollectDue due when child is not null:
                child.Tell(due);
                break;
            case StartSource start:
                isStarted = true;
                reporter.Start(start.Checkpoint);
                break;
            case CollectDue:
                reporter.OnCollectDue(isStarted);
                break;
            case ReportFolded:
                reporter.OnFolded();
                break;
            case LookDue:
                Look();
                break;
            case Loaded loaded:
                OnLoaded(loaded);
                break;
            case ReadDone done:
                OnRead(done);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    // Reads when nothing is under way, and looks at what is.
    private void Look()
    {
        if (child is not null)
        {
            return;
        }

        if (isAsking && time.GetElapsedTime(askedAt) >= StuckAfter)
        {
            OnStuck();
        }
        else if (!isAsking && (reader is null || isStarted) && time.GetTimestamp() >= notBefore)
        {
            Ask();
        }
    }

    private void Ask()
    {
        isAsking = true;
        askedAt = time.GetTimestamp();
        var self = Self;
        if (reader is { } open)
        {
            var scan = scannedAt is not { } last || time.GetElapsedTime(last) >= ScanInterval;
            var clock = time;
            if (thread.TryRun(
                () => open.Read(clock.GetUtcNow(), TimeSpan.FromSeconds(clock.GetTimestamp() / (double)clock.TimestampFrequency), scan),
                (reading, fault) => self.Tell(new ReadDone(reading, fault))))
            {
                scannedAt = scan ? askedAt : scannedAt;
                return;
            }
        }
        else
        {
            var (library, loader) = (settings.Library, load);
            thread.Call = $"the loading of {library}";
            if (thread.TryRun(
                () =>
                {
                    var nvml = loader(library, out var problem);
                    return (nvml, problem);
                },
                (loaded, fault) => self.Tell(new Loaded(loaded.nvml, fault?.Message ?? loaded.problem))))
            {
                return;
            }
        }

        // The thread is still in a call of an earlier incarnation of this source.
        isAsking = false;
        OnStuck();
    }

    private void OnLoaded(Loaded loaded)
    {
        isAsking = false;
        if (loaded.Nvml is { } nvml)
        {
            var calls = thread;
            reader = new NvmlReader(nvml, call => calls.Call = call);
            log.Info("GPUs are read through {Library}", settings.Library);
            Announce();
            return;
        }

        log.Info("GPUs are read with {Command}: {Problem}", settings.Command, loaded.Problem);
        Timers.Cancel(LookTimer);
        child = Context.ActorOf(fallback(), "nvidia-smi");
    }

    private void OnRead(ReadDone done)
    {
        isAsking = false;
        if (done.Reading is not { } reading)
        {
            Fail($"NVML cannot be read: {ToolText.Clean(done.Fault?.Message ?? "")}", ErrorClass.ToolFailed);
            return;
        }

        var now = time.GetUtcNow();
        foreach (var xid in reading.Xids)
        {
            watch.TakeFromDriver(xid, now);
        }

        watch.Add(reading.Events);
        if (reading.Scan is { } scan)
        {
            watch.Scan(scan.Gpus, scan.Processes, now);
            reporter.Add(scan.Instances);
        }

        if (reading.Failure is { } failure)
        {
            Fail(failure, ErrorClass.ToolFailed);
            return;
        }

        reporter.Alive();
        pause = MinPause;
        reporter.Add(reading.Samples);
    }

    private void OnStuck()
    {
        reporter.Fail(
            $"NVML does not answer: {thread.Call} hangs since more than {StuckAfter.TotalSeconds:0} s; a dead GPU does that, see the kernel log for Xid errors, and restart the machine",
            ErrorClass.Timeout);
        Announce();
    }

    private void Fail(string text, ErrorClass error)
    {
        reporter.Fail(text, error);
        notBefore = time.GetTimestamp() + (long)(pause.TotalSeconds * time.TimestampFrequency);
        pause = pause * 2 < MaxPause ? pause * 2 : MaxPause;
    }

    private void Announce()
    {
        if (!isAnnounced)
        {
            isAnnounced = true;
            reporter.Ready();
        }
    }

    private sealed record Loaded(INvml? Nvml, string Problem) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed record ReadDone(NvmlReading? Reading, Exception? Fault) : INoSerializationVerificationNeeded, IDeadLetterSuppression;

    private sealed class LookDue : INoSerializationVerificationNeeded, IDeadLetterSuppression, INotInfluenceReceiveTimeout
    {
        public static LookDue Instance { get; } = new();

        private LookDue()
        {
        }
    }
}
