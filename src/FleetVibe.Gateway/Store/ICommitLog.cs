namespace FleetVibe.Gateway.Store;

/// <summary>What node points came to.</summary>
internal readonly record struct PointsTaken(int Rejected, string? FirstFault);

/// <summary>
/// The durable log of committed windows. Every method that writes completes after its transaction is fsynced, and throws
/// <see cref="StoreFullException"/>, <see cref="StoreDamagedException"/> or <see cref="StoreUnavailableException"/> where nothing was
/// written; over a connection that broke at a COMMIT the last may also mean that it was.
/// </summary>
internal interface ICommitLog
{
    LogIdentity Identity { get; }

    /// <param name="withHistory">With what each revision added.</param>
    Task<WindowState> LoadWindowAsync(WindowKey key, bool withHistory = false);

    Task<LoadOpenWindowsReply> LoadOpenWindowsAsync(SeriesKey series);

    Task<CommitReply> CommitAsync(SoundCommit commit);

    /// <summary>Raises the heads of a node's points. Null where nobody holds the node's name: its lease has to be taken first.</summary>
    Task<PointsTaken?> PutPointsAsync(PutPointsRequest request);

    /// <summary>The fate that stands.</summary>
    Task<Fate> RefusePartAsync(RefusePartRequest request);

    Task<AdmitInstanceReply> AdmitInstanceAsync(AdmitInstanceRequest request);

    /// <summary>Counters only; the deliverer's state is not in the log.</summary>
    Task<GatewayStatus> StatusAsync();

    /// <summary>Puts the gateway's own point of a window into the outbox.</summary>
    Task PutOwnPointAsync(string host, long windowStart);

    /// <summary>Makes a few of the roll-ups that are due.</summary>
    Task<RollUpTurn> RollUpAsync();

    /// <summary>Moves the horizon and removes a portion of what is no longer needed. True where more is left.</summary>
    Task<bool> MaintainAsync();
}
