using System.Globalization;

namespace FleetVibe.Agent.Sources.Nvml;

/// <summary>What an answer of the library means, and what to do about it.</summary>
internal static class NvmlFailure
{
    internal static string Describe(string call, NvmlReturn result)
    {
        var meaning = result switch
        {
            NvmlReturn.Uninitialized => "the library lost its driver",
            NvmlReturn.NoPermission => "no permission: give the agent's user access to the NVIDIA devices",
            NvmlReturn.NotFound or NvmlReturn.GpuNotFound => "no GPU was found",
            NvmlReturn.DriverNotLoaded => "no NVIDIA driver is loaded: load or install it",
            NvmlReturn.Timeout => "the driver took too long",
            NvmlReturn.LibraryNotFound => "a part of the driver's libraries is missing: install them",
            NvmlReturn.FunctionNotFound => "the library is older than what is needed: install library and driver of one version",
            NvmlReturn.GpuIsLost => "a GPU is lost: restart the machine",
            NvmlReturn.ResetRequired => "a GPU requires a reset",
            NvmlReturn.LibraryMismatch => "driver and library are of different versions: restart the machine or reload the driver",
            NvmlReturn.InUse => "the GPU is in use elsewhere",
            _ => "failed",
        };
        return string.Create(CultureInfo.InvariantCulture, $"{call}: {meaning} (NVML answers {(int)result})");
    }
}
