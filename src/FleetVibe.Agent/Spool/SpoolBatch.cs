using FleetVibe.Agent.Accumulating;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Spool;

/// <summary>What one spool transaction writes, together or not at all.</summary>
internal sealed record SpoolBatch
{
    /// <summary>Corrected time of the batch.</summary>
    internal required DateTimeOffset At { get; init; }

    /// <summary>By which this node's clock is corrected: a later start goes on with it until it hears an aggregator.</summary>
    internal required TimeSpan ClockOffset { get; init; }

    /// <summary>Windows that become records; their open rows go.</summary>
    internal IReadOnlyList<ClosingWindow> Closing { get; init; } = [];

    /// <summary>Changed open windows; they replace their rows.</summary>
    internal IReadOnlyList<OpenWindowRow> Open { get; init; } = [];

    /// <summary>Starts of open windows that were moved when the clock became known; their rows go.</summary>
    internal IReadOnlyList<long> Moved { get; init; } = [];

    /// <summary>By source key, as far as reports were folded.</summary>
    internal IReadOnlyDictionary<string, byte[]> Checkpoints { get; init; } = new Dictionary<string, byte[]>();

    /// <summary>Keys of all sources that there are; the rows of others go once they are long unused.</summary>
    internal IReadOnlyCollection<string> Sources { get; init; } = [];

    /// <summary>Keys of sources whose requests others count meanwhile: read again, a log goes on at its end and a counter at a baseline.</summary>
    internal IReadOnlyList<string> Superseded { get; init; } = [];

    /// <summary>Requests folded since the batch before.</summary>
    internal long Seen { get; init; }

    /// <summary>Requests in all open windows once this batch is written.</summary>
    internal long OpenRequests { get; init; }

    /// <summary>Requests of wide deltas folded since the batch before.</summary>
    internal long WideRequests { get; init; }

    /// <summary>Requests folded since the batch before whose variant was beyond the limit of its log.</summary>
    internal long OtherVariants { get; init; }

    /// <summary>How many live records may be born as offered: the stream is up and has credits.</summary>
    internal int OfferBudget { get; init; }

    /// <summary>Points of what happened; they get a record of their own.</summary>
    internal IReadOnlyList<Point> Events { get; init; } = [];

    /// <summary>The agent stops once it is written.</summary>
    internal bool IsLast { get; init; }
}

/// <summary>An open window as it is stored.</summary>
internal sealed record OpenWindowRow(long Start, byte[] Content);

/// <summary>A window, or what came for it after its record was made, on its way into a record.</summary>
internal sealed record ClosingWindow(WindowPart Part)
{
    /// <summary>It closes in time, not in catching up.</summary>
    internal bool IsLive { get; init; }

    /// <summary>It lies in the future; the fleet refuses it, and it has no points.</summary>
    internal bool IsFuture { get; init; }

    /// <summary>Declared shares of sources that are up and saw nothing: zeros, if it is the window's first record.</summary>
    internal IReadOnlyList<Placement> Idle { get; init; } = [];
}
