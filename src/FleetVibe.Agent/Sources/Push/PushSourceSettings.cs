namespace FleetVibe.Agent.Sources.Push;

/// <summary>A Unix socket on which collectors of the user's own register and report.</summary>
public sealed record PushSourceSettings : SourceSettings
{
    public override string Kind => "push";

    /// <summary>Longest path of a socket in bytes; the system's limit is 107, and a few go while it is made.</summary>
    public const int MaxPathBytes = 98;

    /// <summary>Path of the socket.</summary>
    public required string Socket { get; init; }

    /// <summary>Who may connect: user, or user and group.</summary>
    public UnixFileMode Mode { get; init; } = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Whether collectors' clock is another than this node's: then times are never corrected.</summary>
    public bool ExternalClock { get; init; }

    public override SourceRank Rank => SourceRank.Requests;

    public override string Target => Name ?? Path.GetFileName(Socket);
}
