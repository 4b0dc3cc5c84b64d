using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.Nvml;

/// <summary>What one reading of all boards brought.</summary>
internal sealed record NvmlReading
{
    public IReadOnlyList<GpuSample> Samples { get; init; } = [];

    /// <summary>Who holds memory; null where that was not asked.</summary>
    public ToolScan? Scan { get; init; }

    public IReadOnlyList<Xid> Xids { get; init; } = [];

    public IReadOnlyList<SourceEvent> Events { get; init; } = [];

    /// <summary>Why nothing can be read, and what to do; null where something was.</summary>
    public string? Failure { get; init; }
}

/// <summary>
/// Reads all boards through the library. What a board does not support is not asked again; a lost one does not keep the
/// others from being read; a library that lost its driver is opened anew with the next reading. One thread uses it.
/// </summary>
/// <param name="calling">Hears which call begins, so that one that hangs has a name.</param>
internal sealed class NvmlReader(INvml nvml, Action<string> calling)
{
    private const double MostWatts = 10_000;

    private static readonly TimeSpan ShortestEnergySpan = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LostPause = TimeSpan.FromSeconds(30);

    private List<Board>? _boards;

    /// <summary>Version of the driver; empty while closed.</summary>
    internal string Driver { get; private set; } = "";

    /// <param name="at">Time of the samples.</param>
    /// <param name="uptime">A clock that is never set.</param>
    /// <param name="scan">Whether to ask who holds memory too.</param>
    internal NvmlReading Read(DateTimeOffset at, TimeSpan uptime, bool scan)
    {
        if (_boards is null && Open() is { } failure)
        {
            return new NvmlReading { Failure = failure };
        }

        var samples = new List<GpuSample>();
        var instances = new List<GpuSample>();
        var processes = new List<GpuProcess>();
        var scanned = new List<string>();
        var events = new List<SourceEvent>();
        foreach (var board in _boards!)
        {
            if (board.LostSince is { } lost && uptime - lost < LostPause)
            {
                continue;
            }

            var fate = ReadBoard(board, at, uptime, out var sample);
            if (IsClosed(fate))
            {
                return new NvmlReading { Failure = CloseFor(fate) };
            }

            if (IsLost(fate))
            {
                if (board.LostSince is null)
                {
                    events.Add(new SourceEvent(GpuWatch.LostKind, EventSeverity.Error, $"GPU {board.Index} ({board.Uuid}) {(fate == NvmlReturn.ResetRequired ? "requires a reset" : "is lost: restart the machine")}", at));
                }

                board.LostSince = uptime;
                continue;
            }

            board.LostSince = null;
            samples.Add(sample);
            if (scan)
            {
                scanned.Add(board.Uuid);
                AddProcesses(board, board.Handle, board.Uuid, processes);
                AddInstances(board, at, instances, scanned, processes);
            }
        }

        return new NvmlReading
        {
            Samples = samples,
            Scan = scan ? new ToolScan(scanned, processes, instances) : null,
            Xids = TakeXids(),
            Events = events,
            Failure = samples.Count > 0 ? null
                : _boards.Count == 0 ? "NVML finds no GPU that this process may use"
                : $"all {_boards.Count} GPU(s) are lost or require a reset: restart the machine",
        };
    }

    internal void Close()
    {
        if (_boards is not null)
        {
            calling("nvmlShutdown");
            _ = nvml.Shutdown();
        }

        _boards = null;
        Driver = "";
    }

    private static bool IsClosed(NvmlReturn result) => result is NvmlReturn.Uninitialized or NvmlReturn.DriverNotLoaded or NvmlReturn.LibraryMismatch;

    private static bool IsLost(NvmlReturn result) => result is NvmlReturn.GpuIsLost or NvmlReturn.ResetRequired or NvmlReturn.GpuNotFound;

    private string? Open()
    {
        calling("nvmlInit");
        var result = nvml.Init();
        if (result != NvmlReturn.Success)
        {
            return NvmlFailure.Describe("nvmlInit", result);
        }

        calling("nvmlSystemGetDriverVersion");
        _ = nvml.DriverVersion(out var driver);
        Driver = driver;
        calling("nvmlDeviceGetCount");
        _boards = [];
        result = nvml.DeviceCount(out var count);
        if (result != NvmlReturn.Success)
        {
            return CloseFor(result, "nvmlDeviceGetCount");
        }

        for (var i = 0u; i < count; i++)
        {
            calling($"nvmlDeviceGetHandleByIndex of GPU {i}");
            if (nvml.DeviceByIndex(i, out var handle) == NvmlReturn.Success && nvml.Uuid(handle, out var uuid) == NvmlReturn.Success && uuid.Length > 0)
            {
                _ = nvml.Name(handle, out var name);
                var pci = nvml.BusId(handle, out var bus) == NvmlReturn.Success ? PciAddress.Normalize(bus) : null;
                _boards.Add(new Board(handle, (int)i, uuid, name, pci));
                _ = nvml.CollectXids(handle);
            }
        }

        return null;
    }

    private string CloseFor(NvmlReturn result, string call = "NVML")
    {
        Close();
        return NvmlFailure.Describe(call, result);
    }

    private NvmlReturn ReadBoard(Board board, DateTimeOffset at, TimeSpan uptime, out GpuSample sample)
    {
        var device = board.Handle;
        var worst = NvmlReturn.Success;
        var utilization = Ask(board, "nvmlDeviceGetUtilizationRates", ref worst, (out NvmlUtilization value) => nvml.Utilization(device, out value));
        var memory = Ask(board, "nvmlDeviceGetMemoryInfo", ref worst, (out NvmlMemory value) => nvml.Memory(device, out value));
        var reasons = Ask(board, "nvmlDeviceGetCurrentClocksEventReasons", ref worst, (out ulong value) => nvml.ClockEventReasons(device, out value));
        var energy = Ask(board, "nvmlDeviceGetTotalEnergyConsumption", ref worst, (out ulong value) => nvml.TotalEnergy(device, out value));
        var power = Ask(board, "nvmlDeviceGetPowerUsage", ref worst, (out uint value) => nvml.PowerUsage(device, out value));
        var rows = Ask(board, "nvmlDeviceGetRemappedRows", ref worst, (out NvmlRemappedRows value) => nvml.RemappedRows(device, out value));
        sample = new GpuSample(board.Uuid, board.Index, board.Name, at)
        {
            GpuUtilPercent = ToolNumber.Percent(utilization?.Gpu),
            MemoryUtilPercent = ToolNumber.Percent(utilization?.Memory),
            MemoryUsedBytes = ToolNumber.Bytes(memory?.Used, 1),
            MemoryTotalBytes = ToolNumber.Bytes(memory?.Total, 1),
            TemperatureC = Ask(board, "nvmlDeviceGetTemperature", ref worst, (out uint value) => nvml.Temperature(device, out value)),
            PowerW = board.MeanPower(energy, uptime) ?? power / 1000d,
            PowerLimitW = Ask(board, "nvmlDeviceGetEnforcedPowerLimit", ref worst, (out uint value) => nvml.EnforcedPowerLimit(device, out value)) / 1000d,
            SmClockMhz = Ask(board, "nvmlDeviceGetClockInfo", ref worst, (out uint value) => nvml.SmClock(device, out value)),
            Throttled = reasons is { } bits ? ThrottleReasons.IsThrottled(bits) : null,
            ThrottleReasons = reasons is { } set ? ThrottleReasons.NamesOf(set) : [],
            EccUncorrected = Count(Ask(board, "nvmlDeviceGetTotalEccErrors uncorrected", ref worst, (out ulong value) => nvml.EccErrors(device, true, out value))),
            EccCorrected = Count(Ask(board, "nvmlDeviceGetTotalEccErrors corrected", ref worst, (out ulong value) => nvml.EccErrors(device, false, out value))),
            RemappedRows = rows is { } all ? (long)all.Correctable + all.Uncorrectable : null,
            RemapPending = rows?.IsPending,
            RemapFailed = rows?.HasFailed,
            Pci = board.Pci,
        };
        return worst;
    }

    private void AddProcesses(Board board, nint device, string gpu, List<GpuProcess> processes)
    {
        var found = new Dictionary<int, ulong?>();
        foreach (var graphics in new[] { false, true })
        {
            var worst = NvmlReturn.Success;
            var list = Ask(board, graphics ? "nvmlDeviceGetGraphicsRunningProcesses" : "nvmlDeviceGetComputeRunningProcesses", ref worst,
                (out Listed value) =>
                {
                    var result = nvml.Processes(device, graphics, out var read);
                    value = new Listed(read);
                    return result;
                });
            foreach (var process in list?.Processes ?? [])
            {
                // A process that computes and draws is in both lists, with all that it holds.
                found.TryAdd(process.Pid, process.Bytes);
            }
        }

        processes.AddRange(found.Select(entry => new GpuProcess(gpu, entry.Key, "", ToolNumber.Bytes(entry.Value, 1))));
    }

    private void AddInstances(Board board, DateTimeOffset at, List<GpuSample> instances, List<string> scanned, List<GpuProcess> processes)
    {
        var worst = NvmlReturn.Success;
        if (Ask(board, "nvmlDeviceGetMigMode", ref worst, (out bool value) => nvml.MigMode(board.Handle, out value)) != true
            || Ask(board, "nvmlDeviceGetMaxMigDeviceCount", ref worst, (out uint value) => nvml.MaxMigDevices(board.Handle, out value)) is not { } most)
        {
            return;
        }

        for (var i = 0u; i < Math.Min(most, 64); i++)
        {
            calling($"nvmlDeviceGetMigDeviceHandleByIndex of GPU {board.Index}");
            if (nvml.MigDeviceByIndex(board.Handle, i, out var instance) != NvmlReturn.Success || nvml.Uuid(instance, out var uuid) != NvmlReturn.Success)
            {
                continue;
            }

            _ = nvml.Name(instance, out var name);
            var memory = nvml.Memory(instance, out var read) == NvmlReturn.Success ? read : (NvmlMemory?)null;
            instances.Add(new GpuSample(uuid, board.Index, name.Length > 0 ? name : $"{board.Name} MIG", at)
            {
                MemoryUsedBytes = ToolNumber.Bytes(memory?.Used, 1),
                MemoryTotalBytes = ToolNumber.Bytes(memory?.Total, 1),
            });

            // A process of an instance is in the board's list too.
            var before = processes.Count;
            AddProcesses(board, instance, uuid, processes);
            var mine = processes.Skip(before).Select(process => process.Pid).ToHashSet();
            processes.RemoveAll(process => process.Gpu == board.Uuid && mine.Contains(process.Pid));
            scanned.Add(uuid);
        }
    }

    private List<Xid> TakeXids()
    {
        var xids = new List<Xid>();
        calling("nvmlEventSetWait");
        for (var i = 0; i < 256 && nvml.NextXid(out var device, out var number) == NvmlReturn.Success; i++)
        {
            if (_boards!.Find(board => board.Handle == device)?.Pci is { } pci && number <= int.MaxValue)
            {
                xids.Add(new Xid(pci, (int)number, ""));
            }
        }

        return xids;
    }

    private T? Ask<T>(Board board, string call, ref NvmlReturn worst, Call<T> ask)
        where T : struct
    {
        if (IsClosed(worst) || IsLost(worst) || board.Unsupported.Contains(call))
        {
            return null;
        }

        calling($"{call} of GPU {board.Index}");
        var result = ask(out var value);
        switch (result)
        {
            case NvmlReturn.Success:
                return value;
            case NvmlReturn.NotSupported or NvmlReturn.FunctionNotFound or NvmlReturn.Deprecated:
                board.Unsupported.Add(call);
                return null;
            default:
                worst = IsClosed(result) || IsLost(result) ? result : worst;
                return null;
        }
    }

    private static long? Count(ulong? value) => value is { } count and <= long.MaxValue ? (long)count : null;

    private delegate NvmlReturn Call<T>(out T value);

    private readonly record struct Listed(IReadOnlyList<NvmlProcess> Processes);

    private sealed class Board(nint handle, int index, string uuid, string name, string? pci)
    {
        private (ulong Millijoules, TimeSpan At)? _energy;

        public nint Handle { get; } = handle;

        public int Index { get; } = index;

        public string Uuid { get; } = uuid;

        public string Name { get; } = name;

        public string? Pci { get; } = pci;

        public HashSet<string> Unsupported { get; } = new(StringComparer.Ordinal);

        public TimeSpan? LostSince { get; set; }

        /// <summary>Watts since the reading before, out of the energy counter: no peak between two readings is missed.</summary>
        public double? MeanPower(ulong? millijoules, TimeSpan now)
        {
            var before = _energy;
            _energy = millijoules is { } known ? (known, now) : null;
            if (before is not { } earlier || millijoules is not { } later || later < earlier.Millijoules || now - earlier.At < ShortestEnergySpan)
            {
                return null;
            }

            var watts = (later - earlier.Millijoules) / (now - earlier.At).TotalMilliseconds;
            return watts <= MostWatts ? watts : null;
        }
    }
}
