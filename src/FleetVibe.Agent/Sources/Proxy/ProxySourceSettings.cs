using FleetVibe.Protocol.Transport;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>A reverse proxy on this node before one engine, which measures the requests that pass.</summary>
public sealed record ProxySourceSettings : HttpSourceSettings
{
    public override string Kind => "proxy";

    public override SourceRank Rank => SourceRank.Requests;

    /// <summary>A request that passed cannot be asked for again.</summary>
    public override bool CanReadAgain => false;

    /// <summary>Where clients connect, and the token that they must present: on loopback, or with TLS and a token.</summary>
    public required ListenSettings Listen { get; init; }

    /// <summary>The request header that names the variant; null where none does.</summary>
    public string? VariantHeader { get; init; }

    /// <summary>Requests that may wait to be folded; further ones are forwarded all the same, and counted as not measured.</summary>
    public int QueueCapacity { get; init; } = 16_384;
}
