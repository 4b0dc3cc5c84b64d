namespace FleetVibe.Chaos.Network;

/// <summary>What happens to the bytes of one direction of a link.</summary>
internal enum FlowMode
{
    Pass,

    /// <summary>Each chunk waits for the delay.</summary>
    Delay,

    /// <summary>Connections are accepted and their bytes held until it is over, as by a network that loses every packet for a while.</summary>
    Stall,

    /// <summary>Bytes vanish, and so do the ends of connections: neither side is told. What lost bytes is reset when it is over.</summary>
    HalfOpen,

    /// <summary>Every connection is reset, new ones too.</summary>
    Refuse,
}

/// <param name="By">How long <see cref="FlowMode.Delay"/> holds a chunk back.</param>
internal sealed record FlowState(FlowMode Mode, TimeSpan By)
{
    public static FlowState Pass { get; } = new(FlowMode.Pass, TimeSpan.Zero);

    public static FlowState Of(FlowMode mode) => new(mode, TimeSpan.Zero);
}
