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

    private readonly NvmlSourceSettings _settings;
    private readonly TimeProvider _time;
    private readonly NvmlThread _thread;
    private readonly NvmlLoader _load;
    private readonly Func<Props> _fallback;
    private readonly GpuWatch _watch;
    private readonly GpuReporter _reporter;
    private readonly ILoggingAdapter _log = Context.GetLogger();

    private IActorRef? _child;
    private NvmlReader? _reader;
    private long _askedAt;
    private bool _isAsking;
    private bool _isStarted;
    private bool _isAnnounced;
    private long? _scannedAt;
    private long _notBefore;
    private TimeSpan _pause = MinPause;

    public NvmlActor(NvmlSourceSettings settings, IActorRef accumulator, TimeProvider time, NvmlThread thread, NvmlLoader load, GpuWatch watch, Func<Props> fallback)
    {
        _settings = settings;
        _time = time;
        _thread = thread;
        _load = load;
        _watch = watch;
        _fallback = fallback;
        _reporter = new GpuReporter(settings, accumulator, Self, time, watch, _log, "NVML", () => StuckAfter);
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
        Timers.StartPeriodicTimer(LookTimer, LookDue.Instance, _settings.SampleInterval);
    }

    protected override void PostStop()
    {
        var open = _reader;
        if (open is not null)
        {
            // Not where a call hangs: then the library stays open, as the hanging call has it.
            _thread.TryRun(
                () =>
                {
                    open.Close();
                    return true;
                },
                static (_, _) => { });
        }

        _watch.Dispose();
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case CollectDue due when _child is not null:
                _child.Tell(due);
                break;
            case StartSource start:
                _isStarted = true;
                _reporter.Start(start.Checkpoint);
                break;
            case CollectDue:
                _reporter.OnCollectDue(_isStarted);
                break;
            case ReportFolded:
                _reporter.OnFolded();
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
        if (_child is not null)
        {
            return;
        }

        if (_isAsking && _time.GetElapsedTime(_askedAt) >= StuckAfter)
        {
            OnStuck();
        }
        else if (!_isAsking && (_reader is null || _isStarted) && _time.GetTimestamp() >= _notBefore)
        {
            Ask();
        }
    }

    private void Ask()
    {
        _isAsking = true;
        _askedAt = _time.GetTimestamp();
        var self = Self;
        if (_reader is { } open)
        {
            var scan = _scannedAt is not { } last || _time.GetElapsedTime(last) >= ScanInterval;
            var clock = _time;
            if (_thread.TryRun(
                () => open.Read(clock.GetUtcNow(), TimeSpan.FromSeconds(clock.GetTimestamp() / (double)clock.TimestampFrequency), scan),
                (reading, fault) => self.Tell(new ReadDone(reading, fault))))
            {
                _scannedAt = scan ? _askedAt : _scannedAt;
                return;
            }
        }
        else
        {
            var (library, loader) = (_settings.Library, _load);
            _thread.Call = $"the loading of {library}";
            if (_thread.TryRun(
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
        _isAsking = false;
        OnStuck();
    }

    private void OnLoaded(Loaded loaded)
    {
        _isAsking = false;
        if (loaded.Nvml is { } nvml)
        {
            var calls = _thread;
            _reader = new NvmlReader(nvml, call => calls.Call = call);
            _log.Info("GPUs are read through {Library}", _settings.Library);
            Announce();
            return;
        }

        _log.Info("GPUs are read with {Command}: {Problem}", _settings.Command, loaded.Problem);
        Timers.Cancel(LookTimer);
        _child = Context.ActorOf(_fallback(), "nvidia-smi");
    }

    private void OnRead(ReadDone done)
    {
        _isAsking = false;
        if (done.Reading is not { } reading)
        {
            Fail($"NVML cannot be read: {ToolText.Clean(done.Fault?.Message ?? "")}", ErrorClass.ToolFailed);
            return;
        }

        var now = _time.GetUtcNow();
        foreach (var xid in reading.Xids)
        {
            _watch.TakeFromDriver(xid, now);
        }

        _watch.Add(reading.Events);
        if (reading.Scan is { } scan)
        {
            _watch.Scan(scan.Gpus, scan.Processes, now);
            _reporter.Add(scan.Instances);
        }

        if (reading.Failure is { } failure)
        {
            Fail(failure, ErrorClass.ToolFailed);
            return;
        }

        _reporter.Alive();
        _pause = MinPause;
        _reporter.Add(reading.Samples);
    }

    private void OnStuck()
    {
        _reporter.Fail(
            $"NVML does not answer: {_thread.Call} hangs since more than {StuckAfter.TotalSeconds:0} s; a dead GPU does that, see the kernel log for Xid errors, and restart the machine",
            ErrorClass.Timeout);
        Announce();
    }

    private void Fail(string text, ErrorClass error)
    {
        _reporter.Fail(text, error);
        _notBefore = _time.GetTimestamp() + (long)(_pause.TotalSeconds * _time.TimestampFrequency);
        _pause = _pause * 2 < MaxPause ? _pause * 2 : MaxPause;
    }

    private void Announce()
    {
        if (!_isAnnounced)
        {
            _isAnnounced = true;
            _reporter.Ready();
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
