namespace FleetVibe.Protocol.Transport;

/// <summary>How to reach a peer.</summary>
public sealed record PeerSettings
{
    /// <summary>https, or http on loopback; several are tried in turn.</summary>
    public required IReadOnlyList<Uri> Addresses { get; init; }

    public BearerToken? Token { get; init; }

    /// <summary>PEM file of the authorities to trust; null means the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>Allows plain http and a missing token off loopback.</summary>
    public bool Insecure { get; init; }
}

/// <summary>How a port is served.</summary>
public sealed record ListenSettings
{
    public required ListenAddress Address { get; init; }

    /// <summary>PEM file of the server's certificate; with <see cref="KeyFile"/>.</summary>
    public string? CertFile { get; init; }

    public string? KeyFile { get; init; }

    /// <summary>What a caller must present; null only on loopback or with <see cref="Insecure"/>.</summary>
    public BearerToken? Token { get; init; }

    /// <summary>Allows plain http and a missing token off loopback.</summary>
    public bool Insecure { get; init; }
}
