namespace FleetVibe.Agent.Sources.JsonLog.Formats;

/// <summary>How the lines of one kind of log are written.</summary>
/// <param name="Name">As in the configuration.</param>
/// <param name="Product">Whose lines these are.</param>
public sealed record LogFormat(string Name, string Product)
{
    /// <summary>One JSON object a line, with named fields.</summary>
    public bool IsJson { get; init; }

    /// <summary>Whether a line may name the model; else the source must.</summary>
    public bool NamesModel { get; init; }

    /// <summary>False where the log has gauges only.</summary>
    public bool BringsRequests { get; init; } = true;

    /// <summary>Whether a line names the HTTP path, so that requests can be told apart by it.</summary>
    public bool HasPaths { get; init; }

    /// <summary>What is wanted of a line, for one that is none of these.</summary>
    public string Wanted { get; init; } = "a request";

    internal LogFields Fields { get; init; } = new();

    /// <summary>A field without which a line is no request; null where every object is one.</summary>
    internal string? Marker { get; init; }

    /// <summary>Beginnings of the <c>message</c> of a line without marker that stands for a failed request.</summary>
    internal IReadOnlyList<string> Failures { get; init; } = [];
}
