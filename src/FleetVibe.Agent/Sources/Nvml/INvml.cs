namespace FleetVibe.Agent.Sources.Nvml;

/// <summary>nvmlReturn_t of nvml.h; a number that is not named here is an error too.</summary>
internal enum NvmlReturn
{
    Success = 0,
    Uninitialized = 1,
    InvalidArgument = 2,
    NotSupported = 3,
    NoPermission = 4,
    NotFound = 6,
    InsufficientSize = 7,
    DriverNotLoaded = 9,
    Timeout = 10,
    LibraryNotFound = 12,
    FunctionNotFound = 13,
    GpuIsLost = 15,
    ResetRequired = 16,
    LibraryMismatch = 18,
    InUse = 20,
    ArgumentVersionMismatch = 25,
    Deprecated = 26,
    GpuNotFound = 28,
    Unknown = 999,
}

/// <param name="Gpu">Percent of the last sample period in which a kernel ran.</param>
/// <param name="Memory">Percent in which memory was read or written.</param>
internal readonly record struct NvmlUtilization(uint Gpu, uint Memory);

/// <summary>Bytes. Used is without what the driver keeps for itself where the library tells the two apart.</summary>
internal readonly record struct NvmlMemory(ulong Total, ulong Used);

internal readonly record struct NvmlRemappedRows(uint Correctable, uint Uncorrectable, bool IsPending, bool HasFailed);

/// <param name="Bytes">Null where the driver does not say (containers, Windows).</param>
internal readonly record struct NvmlProcess(int Pid, ulong? Bytes);

/// <summary>
/// The calls of NVIDIA's management library that are needed, each named as in nvml.h without its prefix. Any of them may
/// take seconds where a GPU is ill. A function that the library lacks answers <see cref="NvmlReturn.FunctionNotFound"/>.
/// </summary>
internal interface INvml
{
    NvmlReturn Init();

    NvmlReturn Shutdown();

    NvmlReturn DriverVersion(out string version);

    /// <summary>Boards that this process may use.</summary>
    NvmlReturn DeviceCount(out uint count);

    NvmlReturn DeviceByIndex(uint index, out nint device);

    NvmlReturn Uuid(nint device, out string uuid);

    NvmlReturn Name(nint device, out string name);

    /// <summary>Such as <c>00000000:9B:00.0</c>.</summary>
    NvmlReturn BusId(nint device, out string busId);

    NvmlReturn Utilization(nint device, out NvmlUtilization utilization);

    NvmlReturn Memory(nint device, out NvmlMemory memory);

    /// <summary>Degrees Celsius of the GPU's own sensor.</summary>
    NvmlReturn Temperature(nint device, out uint celsius);

    NvmlReturn PowerUsage(nint device, out uint milliwatts);

    NvmlReturn EnforcedPowerLimit(nint device, out uint milliwatts);

    /// <summary>Since the driver was loaded.</summary>
    NvmlReturn TotalEnergy(nint device, out ulong millijoules);

    NvmlReturn SmClock(nint device, out uint megahertz);

    /// <summary>Bits as in <see cref="Gpus.ThrottleReasons"/>.</summary>
    NvmlReturn ClockEventReasons(nint device, out ulong reasons);

    /// <summary>Aggregate, over the life of the board: the volatile count begins anew whenever the driver is loaded.</summary>
    NvmlReturn EccErrors(nint device, bool uncorrected, out ulong count);

    NvmlReturn RemappedRows(nint device, out NvmlRemappedRows rows);

    NvmlReturn Processes(nint device, bool graphics, out IReadOnlyList<NvmlProcess> processes);

    NvmlReturn MigMode(nint device, out bool isEnabled);

    /// <summary>How many instances there may be.</summary>
    NvmlReturn MaxMigDevices(nint device, out uint count);

    /// <summary><see cref="NvmlReturn.NotFound"/> where there is none of this number.</summary>
    NvmlReturn MigDeviceByIndex(nint device, uint index, out nint instance);

    /// <summary>Has XIDs of a board collected from now on.</summary>
    NvmlReturn CollectXids(nint device);

    /// <summary>One that was collected; never waits, but answers <see cref="NvmlReturn.Timeout"/> where there is none.</summary>
    NvmlReturn NextXid(out nint device, out ulong xid);
}
