using FleetVibe.Agent.Sources.Nvml;

namespace FleetVibe.Agent.Tests.Sources.Nvml;

/// <summary>A library of one thread's worth: boards by handle, one answer each, and a call that may hang.</summary>
internal sealed class FakeNvml : INvml, IDisposable
{
    private readonly ManualResetEventSlim _gate = new(initialState: true);

    public List<(string Uuid, string Bus)> Boards { get; } = [("GPU-a", "00000000:9B:00.0")];

    /// <summary>Of all calls to a board with this handle; success where it is not there.</summary>
    public Dictionary<nint, NvmlReturn> Answers { get; } = [];

    public NvmlReturn InitAnswer { get; set; }

    public int Inits { get; private set; }

    public int Shutdowns { get; private set; }

    public int UtilizationCalls { get; private set; }

    public Queue<(nint Device, ulong Xid)> Xids { get; } = [];

    public List<NvmlProcess> Running { get; } = [];

    /// <summary>Callers that are in the hanging call.</summary>
    public int Hanging { get; private set; }

    public ulong? Energy { get; set; }

    public void Hang() => _gate.Reset();

    public void Release() => _gate.Set();

    public void Dispose() => _gate.Dispose();

    public NvmlReturn Init()
    {
        Inits++;
        return InitAnswer;
    }

    public NvmlReturn Shutdown()
    {
        Shutdowns++;
        return NvmlReturn.Success;
    }

    public NvmlReturn DriverVersion(out string version) => Given(out version, "590.48.01");

    public NvmlReturn DeviceCount(out uint count) => Given(out count, (uint)Boards.Count);

    public NvmlReturn DeviceByIndex(uint index, out nint device) => Given(out device, (nint)index + 1);

    public NvmlReturn Uuid(nint device, out string uuid) => Given(out uuid, Boards[(int)device - 1].Uuid);

    public NvmlReturn Name(nint device, out string name) => Given(out name, "A");

    public NvmlReturn BusId(nint device, out string busId) => Given(out busId, Boards[(int)device - 1].Bus);

    public NvmlReturn Utilization(nint device, out NvmlUtilization utilization)
    {
        UtilizationCalls++;
        utilization = new NvmlUtilization(42, 7);
        return Answers.GetValueOrDefault(device);
    }

    public NvmlReturn Memory(nint device, out NvmlMemory memory) => Given(out memory, new NvmlMemory(8 << 20, 2 << 20));

    public NvmlReturn Temperature(nint device, out uint celsius) => Given(out celsius, 60u);

    public NvmlReturn PowerUsage(nint device, out uint milliwatts)
    {
        Hanging++;
        _gate.Wait();
        Hanging--;
        return Given(out milliwatts, 250_000u);
    }

    public NvmlReturn EnforcedPowerLimit(nint device, out uint milliwatts) => Given(out milliwatts, 300_000u);

    public NvmlReturn TotalEnergy(nint device, out ulong millijoules)
    {
        millijoules = Energy ?? 0;
        return Energy is null ? NvmlReturn.NotSupported : NvmlReturn.Success;
    }

    public NvmlReturn SmClock(nint device, out uint megahertz) => Given(out megahertz, 1500u);

    public NvmlReturn ClockEventReasons(nint device, out ulong reasons) => Given(out reasons, 1ul);

    public NvmlReturn EccErrors(nint device, bool uncorrected, out ulong count)
    {
        count = 0;
        return NvmlReturn.NotSupported;
    }

    public NvmlReturn RemappedRows(nint device, out NvmlRemappedRows rows)
    {
        rows = default;
        return NvmlReturn.FunctionNotFound;
    }

    public NvmlReturn Processes(nint device, bool graphics, out IReadOnlyList<NvmlProcess> processes) => Given(out processes, Running);

    public NvmlReturn MigMode(nint device, out bool isEnabled) => Given(out isEnabled, false);

    public NvmlReturn MaxMigDevices(nint device, out uint count) => Given(out count, 0u);

    public NvmlReturn MigDeviceByIndex(nint device, uint index, out nint instance) => Given(out instance, (nint)0);

    public NvmlReturn CollectXids(nint device) => NvmlReturn.Success;

    public NvmlReturn NextXid(out nint device, out ulong xid)
    {
        var isThere = Xids.TryDequeue(out var next);
        (device, xid) = next;
        return isThere ? NvmlReturn.Success : NvmlReturn.Timeout;
    }

    private static NvmlReturn Given<T>(out T to, T value)
    {
        to = value;
        return NvmlReturn.Success;
    }
}
