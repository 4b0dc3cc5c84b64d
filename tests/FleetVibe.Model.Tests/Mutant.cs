namespace FleetVibe.Model.Tests;

/// <summary>Errors of the protocol, planted around the real parts; the model must notice each.</summary>
public enum Mutant
{
    None,

    /// <summary>The entity settles a contribution that is only merged.</summary>
    AckMem,

    /// <summary>The gateway answers a commit whose transaction is then lost.</summary>
    AckEarly,

    /// <summary>A checkpoint goes to disk without the windows that are still open.</summary>
    OpenLost,

    /// <summary>Records that were offered are coalesced.</summary>
    CoalSent,

    /// <summary>The loser of a swap keeps its merged sums, and nothing checks them at the commit.</summary>
    NoSet,

    /// <summary>A dead letter stands beside the fates, not among them.</summary>
    DlKey,

    /// <summary>Fates go by age alone, whatever their agent still holds.</summary>
    FatePrune,

    /// <summary>A 204 marks the newest revision as delivered, not the one that was sent.</summary>
    MarkHead,

    /// <summary>A point is sent again at once after an unknown outcome.</summary>
    NoQuiet,

    /// <summary>A roll-up adds each new revision of a part on top.</summary>
    RollAdd,
}
