namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>A process that holds memory of a GPU, as the driver lists it.</summary>
/// <param name="Gpu">UUID of the GPU, or of the MIG instance.</param>
/// <param name="Pid">In the namespace of the host.</param>
/// <param name="Name">As the tool gives it; empty where it gives none.</param>
/// <param name="MemoryBytes">Null where the driver does not say.</param>
internal sealed record GpuProcess(string Gpu, int Pid, string Name, long? MemoryBytes);

/// <summary>What the kernel knows about a process.</summary>
/// <param name="Command">Its command line, words separated by blanks.</param>
/// <param name="Cgroup">Path of its control group; empty where unknown.</param>
/// <param name="Parent">0 where unknown.</param>
internal sealed record ProcessFacts(string Command, string Cgroup, int Parent);

/// <summary>The kernel's table of processes.</summary>
internal interface IProcessTable
{
    /// <summary>Whether the numbers that the driver gives are the numbers of this table: not so inside a container with processes of its own.</summary>
    bool SeesHost { get; }

    /// <summary>Null where there is none of this number, or only what is left of one (a zombie).</summary>
    ProcessFacts? Find(int pid);
}
