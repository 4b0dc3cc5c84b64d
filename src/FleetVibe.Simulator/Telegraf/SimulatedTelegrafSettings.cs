using FleetVibe.Protocol.Transport;

namespace FleetVibe.Simulator.Telegraf;

/// <summary>How a simulated Telegraf is configured. All three listeners answer on one port.</summary>
public sealed record SimulatedTelegrafSettings
{
    public ListenAddress Listen { get; init; } = ListenAddress.Ephemeral;

    /// <summary>PEM files; null serves plain http, on loopback only.</summary>
    public string? CertFile { get; init; }

    public string? KeyFile { get; init; }

    /// <summary>What <c>/api/v2/write</c> wants as <c>Authorization: Token</c>; null wants nothing.</summary>
    public BearerToken? Token { get; init; }

    /// <summary>With <see cref="Password"/>: what <c>/write</c>, <c>/query</c> and <c>/telegraf</c> want; null wants nothing.</summary>
    public string? Username { get; init; }

    public BearerToken? Password { get; init; }

    /// <summary>Largest body in bytes; of the compressed ones on the two influxdb listeners.</summary>
    public long MaxBodyBytes { get; init; } = 32L << 20;

    /// <summary>influxdb_v2 only: points that may wait for the output; 0 means any number.</summary>
    public int MaxUndelivered { get; init; }

    /// <summary>How often the output takes all that waits; null takes it at once, so that nothing ever waits.</summary>
    public TimeSpan? FlushInterval { get; init; }

    public int FaultSeed { get; init; } = 1;

    /// <summary>Probability of each fault for each write; their sum is at most 1.</summary>
    public IReadOnlyDictionary<TelegrafFault, double> Faults { get; init; } = new Dictionary<TelegrafFault, double>();

    /// <summary>How long <see cref="TelegrafFault.Slow"/> waits before it stores.</summary>
    public TimeSpan SlowBy { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// File that gets every accepted line, in nanoseconds, before the answer leaves. What it holds already is read first, as
    /// an InfluxDB keeps what it got when the Telegraf before it restarts.
    /// </summary>
    public string? OutputPath { get; init; }

    /// <summary>Allows plain http and a missing token off loopback.</summary>
    public bool Insecure { get; init; }
}

/// <summary>What goes wrong with one write.</summary>
public enum TelegrafFault
{
    None,

    /// <summary>400 for another reason than a bad line: <c>unexpected EOF</c>, to be tried again.</summary>
    Status400,
    Status401,

    /// <summary>410, as http_listener_v2 answers while it stops.</summary>
    Status410,
    Status413,
    Status429,
    Status500,
    Status503,

    /// <summary>The connection is reset, nothing is stored.</summary>
    ResetBeforeStoring,

    /// <summary>All is stored, then the connection is reset.</summary>
    ResetAfterStoring,

    /// <summary>Stored after <see cref="SimulatedTelegrafSettings.SlowBy"/>, whether or not the caller still waits.</summary>
    Slow,

    /// <summary>Nothing is stored, no answer comes.</summary>
    Hang,

    /// <summary>All is stored, no answer comes.</summary>
    HangAfterStoring,
}
