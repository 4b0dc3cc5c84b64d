using FleetVibe.Agent.Sources.Kernel;

namespace FleetVibe.Agent.Tests.Sources.Kernel;

/// <summary>Has the same records at every look.</summary>
internal sealed class FakeKernelLog(params string[] lines) : IKernelLog
{
    /// <summary>Why it cannot be read; null where it can.</summary>
    public string? Problem { get; set; }

    public KernelLogRead Read(KernelLogPosition? from, DateTimeOffset now) => Problem is null
        ? new(new KernelLogPosition("boot", (from?.Next ?? 0) + 1), [.. lines.Select(line => new KernelRecord(now, line))], null)
        : new(null, [], Problem);

    public void Dispose()
    {
    }
}
