namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>What one look at the log brought. Filled by the tailer, then handed over.</summary>
internal sealed class LogBatch
{
    public const int MaxLines = 5_000;
    public const long MaxBytes = 4 << 20;

    public List<RequestObservation> Requests { get; } = [];

    /// <summary>Statistics, in the order of their lines.</summary>
    public List<ModelGauges> Gauges { get; } = [];

    /// <summary>Lines that are no requests by their format.</summary>
    public long OtherLines { get; set; }

    public SkipCounts Skipped { get; } = new();

    /// <summary>Lines consumed, blank and skipped ones included.</summary>
    public int Lines { get; set; }

    public long Bytes { get; set; }

    /// <summary>No more goes in: the next look will find the rest at once.</summary>
    public bool IsFull => Lines >= MaxLines || Bytes >= MaxBytes;

    /// <summary>State of the log after this batch; null where nothing changed.</summary>
    public byte[]? Checkpoint { get; set; }

    /// <summary>Null where the log could be looked at.</summary>
    public ErrorClass? Error { get; set; }

    public string ErrorText { get; set; } = "";

    public TimeSpan Duration { get; set; }

    /// <summary>What a person wants to read in the agent's log: rotations, truncations, files that are gone.</summary>
    public List<string> Notes { get; } = [];
}
