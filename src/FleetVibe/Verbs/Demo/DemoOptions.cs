using FleetVibe.Gateway;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Verbs.Demo;

/// <summary>What the demo is asked to do.</summary>
internal sealed record DemoOptions
{
    /// <summary>How long traffic runs; null until Ctrl-C.</summary>
    public TimeSpan? For { get; init; }

    public int Seed { get; init; } = 7;

    /// <summary>GPU nodes, each with an agent of its own.</summary>
    public int Nodes { get; init; } = 3;

    /// <summary>File that gets the truth; null keeps it with the demo's own files.</summary>
    public string? TruthPath { get; init; }

    /// <summary>Where points go instead of the simulated Telegraf.</summary>
    public TelegrafSettings? Sink { get; init; }

    /// <summary>Address of the page; null means the default port, or the next free one.</summary>
    public ListenAddress? Listen { get; init; }
}
