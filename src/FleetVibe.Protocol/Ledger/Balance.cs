namespace FleetVibe.Protocol.Ledger;

/// <summary>How a line of the ledger stands.</summary>
public enum BalanceState
{
    /// <summary>Everything is at its end, and the sums agree.</summary>
    Balanced,

    /// <summary>The sums agree, and something is still on its way.</summary>
    UnderWay,

    /// <summary>No agent reports: nobody can say what is on its way.</summary>
    NotHeard,

    /// <summary>A sum is wrong.</summary>
    Broken,
}

/// <summary>The verdict over one line of the ledger.</summary>
/// <param name="OnTheWay">Requests that are open or spooled, or points that are queued.</param>
/// <param name="Faults">Every sum that is wrong, in words; empty unless <see cref="BalanceState.Broken"/>.</param>
public sealed record Balance(BalanceState State, ulong OnTheWay, IReadOnlyList<string> Faults)
{
    /// <summary>
    /// The two sides differ by more than is on its way, which may be because they were read at different moments: a reading
    /// at least <see cref="LedgerBalance.Apart"/> later decides.
    /// </summary>
    public bool NeedsLaterReading { get; init; }

    /// <summary>What a reader must know to compare the figures.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The present spool replaced another: what that one held unsent is in no count.</summary>
    public bool FollowsAnother { get; init; }

    /// <summary>The gateway does not tell the node's spools apart: whether it has more than the agent sent cannot be seen.</summary>
    public bool IsHalfChecked { get; init; }
}
