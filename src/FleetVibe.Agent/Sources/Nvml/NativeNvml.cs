using System.Runtime.InteropServices;
using System.Text;

namespace FleetVibe.Agent.Sources.Nvml;

/// <summary>
/// The library itself. Its functions carry their version in their name, so each is looked up, the newest first; C calling
/// convention, sizes and offsets of nvml.h on 64 bits. Not thread safe: one thread calls it.
/// </summary>
internal sealed unsafe class NativeNvml : INvml
{
    private const uint MemoryV2Version = 0x02000028;
    private const uint TemperatureV1Version = 0x0100000c;
    private const int PciInfoSize = 68;
    private const int PciBusIdOffset = 36;
    private const int PciBusIdLength = 32;
    private const int UuidLength = 96;
    private const int NameLength = 96;
    private const int DriverLength = 80;
    private const int ClockSm = 1;
    private const int Aggregate = 1;
    private const ulong XidEvent = 8;
    private const int MostProcesses = 4096;

    private readonly nint _library;
    private readonly Dictionary<string, nint> _functions = new(StringComparer.Ordinal);
    private IReadOnlyList<NvmlProcessLayout> _processLayouts = NvmlProcessLayout.For("");
    private nint _eventSet;

    private NativeNvml(nint library) => _library = library;

    /// <summary>Null where there is no such library.</summary>
    /// <param name="problem">What the loader says then, one line.</param>
    public static NativeNvml? Load(string name, out string problem)
    {
        problem = "";
        try
        {
            var library = NativeLibrary.Load(name);
            var nvml = new NativeNvml(library);
            if (nvml.Find("nvmlInit_v2", "nvmlInit") != 0)
            {
                return nvml;
            }

            problem = $"{name} is no NVML: it has no nvmlInit";
            return null;
        }
        catch (DllNotFoundException)
        {
            // What the loader says is a page about how to look for the reason.
            problem = $"{name} is not there, or lacks a part of the NVIDIA driver";
            return null;
        }
        catch (BadImageFormatException)
        {
            problem = $"{name} is no library for this machine";
            return null;
        }
    }

    public NvmlReturn Init()
    {
        var init = (delegate* unmanaged[Cdecl]<NvmlReturn>)Find("nvmlInit_v2", "nvmlInit");
        var result = init();
        if (result == NvmlReturn.Success && DriverVersion(out var driver) == NvmlReturn.Success)
        {
            _processLayouts = NvmlProcessLayout.For(driver);
        }

        return result;
    }

    public NvmlReturn Shutdown()
    {
        if (_eventSet != 0 && Find("nvmlEventSetFree") is var free and not 0)
        {
            _ = ((delegate* unmanaged[Cdecl]<nint, NvmlReturn>)free)(_eventSet);
            _eventSet = 0;
        }

        return Find("nvmlShutdown") is var function and not 0 ? ((delegate* unmanaged[Cdecl]<NvmlReturn>)function)() : NvmlReturn.FunctionNotFound;
    }

    public NvmlReturn DriverVersion(out string version)
    {
        version = "";
        var function = Find("nvmlSystemGetDriverVersion");
        if (function == 0)
        {
            return NvmlReturn.FunctionNotFound;
        }

        var buffer = stackalloc byte[DriverLength];
        var result = ((delegate* unmanaged[Cdecl]<byte*, uint, NvmlReturn>)function)(buffer, DriverLength);
        version = result == NvmlReturn.Success ? Text(buffer, DriverLength) : "";
        return result;
    }

    public NvmlReturn DeviceCount(out uint count)
    {
        uint value = 0;
        var result = Find("nvmlDeviceGetCount_v2", "nvmlDeviceGetCount") is var function and not 0
            ? ((delegate* unmanaged[Cdecl]<uint*, NvmlReturn>)function)(&value)
            : NvmlReturn.FunctionNotFound;
        count = value;
        return result;
    }

    public NvmlReturn DeviceByIndex(uint index, out nint device)
    {
        nint value = 0;
        var result = Find("nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex") is var function and not 0
            ? ((delegate* unmanaged[Cdecl]<uint, nint*, NvmlReturn>)function)(index, &value)
            : NvmlReturn.FunctionNotFound;
        device = value;
        return result;
    }

    public NvmlReturn Uuid(nint device, out string uuid) => TextOf("nvmlDeviceGetUUID", device, UuidLength, out uuid);

    public NvmlReturn Name(nint device, out string name) => TextOf("nvmlDeviceGetName", device, NameLength, out name);

    public NvmlReturn BusId(nint device, out string busId)
    {
        busId = "";
        var function = Find("nvmlDeviceGetPciInfo_v3");
        if (function == 0)
        {
            return NvmlReturn.FunctionNotFound;
        }

        var info = stackalloc byte[PciInfoSize];
        var result = ((delegate* unmanaged[Cdecl]<nint, byte*, NvmlReturn>)function)(device, info);
        busId = result == NvmlReturn.Success ? Text(info + PciBusIdOffset, PciBusIdLength) : "";
        return result;
    }

    public NvmlReturn Utilization(nint device, out NvmlUtilization utilization)
    {
        var result = Get<RawUtilization>("nvmlDeviceGetUtilizationRates", device, out var raw);
        utilization = new NvmlUtilization(raw.Gpu, raw.Memory);
        return result;
    }

    public NvmlReturn Memory(nint device, out NvmlMemory memory)
    {
        var newer = new RawMemoryV2 { Version = MemoryV2Version };
        var result = Find("nvmlDeviceGetMemoryInfo_v2") is var function and not 0
            ? ((delegate* unmanaged[Cdecl]<nint, RawMemoryV2*, NvmlReturn>)function)(device, &newer)
            : NvmlReturn.FunctionNotFound;
        memory = new NvmlMemory(newer.Total, newer.Used);
        if (!IsOtherVersion(result))
        {
            return result;
        }

        result = Get<RawMemory>("nvmlDeviceGetMemoryInfo", device, out var raw);
        memory = new NvmlMemory(raw.Total, raw.Used);
        return result;
    }

    public NvmlReturn Temperature(nint device, out uint celsius)
    {
        var newer = new RawTemperatureV1 { Version = TemperatureV1Version };
        var result = Find("nvmlDeviceGetTemperatureV") is var function and not 0
            ? ((delegate* unmanaged[Cdecl]<nint, RawTemperatureV1*, NvmlReturn>)function)(device, &newer)
            : NvmlReturn.FunctionNotFound;
        celsius = (uint)Math.Max(0, newer.Temperature);
        return IsOtherVersion(result) || result == NvmlReturn.NotSupported ? GetWith("nvmlDeviceGetTemperature", device, 0, out celsius) : result;
    }

    public NvmlReturn PowerUsage(nint device, out uint milliwatts) => Get("nvmlDeviceGetPowerUsage", device, out milliwatts);

    public NvmlReturn EnforcedPowerLimit(nint device, out uint milliwatts) => Get("nvmlDeviceGetEnforcedPowerLimit", device, out milliwatts);

    public NvmlReturn TotalEnergy(nint device, out ulong millijoules) => Get("nvmlDeviceGetTotalEnergyConsumption", device, out millijoules);

    public NvmlReturn SmClock(nint device, out uint megahertz) => GetWith("nvmlDeviceGetClockInfo", device, ClockSm, out megahertz);

    public NvmlReturn ClockEventReasons(nint device, out ulong reasons)
    {
        var result = Get("nvmlDeviceGetCurrentClocksEventReasons", device, out reasons);
        return result == NvmlReturn.FunctionNotFound ? Get("nvmlDeviceGetCurrentClocksThrottleReasons", device, out reasons) : result;
    }

    public NvmlReturn EccErrors(nint device, bool uncorrected, out ulong count)
    {
        ulong value = 0;
        var result = Find("nvmlDeviceGetTotalEccErrors") is var function and not 0
            ? ((delegate* unmanaged[Cdecl]<nint, int, int, ulong*, NvmlReturn>)function)(device, uncorrected ? 1 : 0, Aggregate, &value)
            : NvmlReturn.FunctionNotFound;
        count = value;
        return result;
    }

    public NvmlReturn RemappedRows(nint device, out NvmlRemappedRows rows)
    {
        uint correctable = 0, uncorrectable = 0, pending = 0, failed = 0;
        var result = Find("nvmlDeviceGetRemappedRows") is var function and not 0
            ? ((delegate* unmanaged[Cdecl]<nint, uint*, uint*, uint*, uint*, NvmlReturn>)function)(device, &correctable, &uncorrectable, &pending, &failed)
            : NvmlReturn.FunctionNotFound;
        rows = new NvmlRemappedRows(correctable, uncorrectable, pending != 0, failed != 0);
        return result;
    }

    public NvmlReturn Processes(nint device, bool graphics, out IReadOnlyList<NvmlProcess> processes)
    {
        processes = [];
        foreach (var layout in _processLayouts)
        {
            var name = $"nvmlDeviceGet{(graphics ? "Graphics" : "Compute")}RunningProcesses{layout.Suffix}";
            if (Find(name) is var function and not 0)
            {
                return List((delegate* unmanaged[Cdecl]<nint, uint*, byte*, NvmlReturn>)function, device, layout, out processes);
            }
        }

        return NvmlReturn.FunctionNotFound;
    }

    public NvmlReturn MigMode(nint device, out bool isEnabled)
    {
        uint current = 0, pending = 0;
        var result = Find("nvmlDeviceGetMigMode") is var function and not 0
            ? ((delegate* unmanaged[Cdecl]<nint, uint*, uint*, NvmlReturn>)function)(device, &current, &pending)
            : NvmlReturn.FunctionNotFound;
        isEnabled = result == NvmlReturn.Success && current != 0;
        return result;
    }

    public NvmlReturn MaxMigDevices(nint device, out uint count) => Get("nvmlDeviceGetMaxMigDeviceCount", device, out count);

    public NvmlReturn MigDeviceByIndex(nint device, uint index, out nint instance)
    {
        nint value = 0;
        var result = Find("nvmlDeviceGetMigDeviceHandleByIndex") is var function and not 0
            ? ((delegate* unmanaged[Cdecl]<nint, uint, nint*, NvmlReturn>)function)(device, index, &value)
            : NvmlReturn.FunctionNotFound;
        instance = value;
        return result;
    }

    public NvmlReturn CollectXids(nint device)
    {
        var (create, register) = (Find("nvmlEventSetCreate"), Find("nvmlDeviceRegisterEvents"));
        if (create == 0 || register == 0)
        {
            return NvmlReturn.FunctionNotFound;
        }

        if (_eventSet == 0)
        {
            nint made = 0;
            var result = ((delegate* unmanaged[Cdecl]<nint*, NvmlReturn>)create)(&made);
            if (result != NvmlReturn.Success)
            {
                return result;
            }

            _eventSet = made;
        }

        return ((delegate* unmanaged[Cdecl]<nint, ulong, nint, NvmlReturn>)register)(device, XidEvent, _eventSet);
    }

    public NvmlReturn NextXid(out nint device, out ulong xid)
    {
        (device, xid) = (0, 0);
        var wait = Find("nvmlEventSetWait_v2", "nvmlEventSetWait");
        if (_eventSet == 0 || wait == 0)
        {
            return NvmlReturn.Timeout;
        }

        RawEvent happened = default;
        var result = ((delegate* unmanaged[Cdecl]<nint, RawEvent*, uint, NvmlReturn>)wait)(_eventSet, &happened, 0);
        (device, xid) = (happened.Device, happened.Data);
        return result;
    }

    // The number grows between the two calls now and then: some are asked for beyond it.
    private static NvmlReturn List(delegate* unmanaged[Cdecl]<nint, uint*, byte*, NvmlReturn> function, nint device, NvmlProcessLayout layout, out IReadOnlyList<NvmlProcess> processes)
    {
        processes = [];
        uint count = 0;
        var result = function(device, &count, null);
        for (var attempt = 0; attempt < 3 && result == NvmlReturn.InsufficientSize; attempt++)
        {
            var room = Math.Min(count, MostProcesses) + 8;
            var buffer = new byte[room * layout.Stride];
            count = room;
            fixed (byte* first = buffer)
            {
                result = function(device, &count, first);
            }

            if (result == NvmlReturn.Success)
            {
                processes = Read(buffer, (int)Math.Min(count, room), layout.Stride);
            }
        }

        return result;
    }

    private static List<NvmlProcess> Read(byte[] buffer, int count, int stride)
    {
        var processes = new List<NvmlProcess>(count);
        for (var i = 0; i < count; i++)
        {
            var element = buffer.AsSpan(i * stride, stride);
            var pid = MemoryMarshal.Read<uint>(element);
            var memory = MemoryMarshal.Read<ulong>(element[8..]);
            if (pid is > 0 and <= int.MaxValue)
            {
                processes.Add(new NvmlProcess((int)pid, memory == NvmlProcessLayout.NotAvailable ? null : memory));
            }
        }

        return processes;
    }

    private static bool IsOtherVersion(NvmlReturn result) =>
        result is NvmlReturn.FunctionNotFound or NvmlReturn.ArgumentVersionMismatch or NvmlReturn.InvalidArgument or NvmlReturn.Deprecated;

    private NvmlReturn Get<T>(string name, nint device, out T value)
        where T : unmanaged
    {
        T raw = default;
        var result = Find(name) is var function and not 0
            ? ((delegate* unmanaged[Cdecl]<nint, T*, NvmlReturn>)function)(device, &raw)
            : NvmlReturn.FunctionNotFound;
        value = raw;
        return result;
    }

    private NvmlReturn GetWith(string name, nint device, int what, out uint value)
    {
        uint raw = 0;
        var result = Find(name) is var function and not 0
            ? ((delegate* unmanaged[Cdecl]<nint, int, uint*, NvmlReturn>)function)(device, what, &raw)
            : NvmlReturn.FunctionNotFound;
        value = raw;
        return result;
    }

    private NvmlReturn TextOf(string name, nint device, int length, out string text)
    {
        text = "";
        var function = Find(name);
        if (function == 0)
        {
            return NvmlReturn.FunctionNotFound;
        }

        var buffer = stackalloc byte[length];
        var result = ((delegate* unmanaged[Cdecl]<nint, byte*, uint, NvmlReturn>)function)(device, buffer, (uint)length);
        text = result == NvmlReturn.Success ? Text(buffer, length) : "";
        return result;
    }

    private static string Text(byte* buffer, int length)
    {
        var bytes = new ReadOnlySpan<byte>(buffer, length);
        var end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]).ReplaceLineEndings(" ").Trim();
    }

    /// <summary>The first of the names that the library has; 0 where it has none.</summary>
    private nint Find(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (!_functions.TryGetValue(name, out var function))
            {
                _functions[name] = function = NativeLibrary.TryGetExport(_library, name, out var found) ? found : 0;
            }

            if (function != 0)
            {
                return function;
            }
        }

        return 0;
    }
}
