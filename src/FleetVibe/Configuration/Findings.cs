namespace FleetVibe.Configuration;

/// <summary>What is wrong and what would be right, at one place.</summary>
internal sealed record Finding(Origin Origin, bool IsError, string Text)
{
    public override string ToString() => $"{Origin}: {(IsError ? "error" : "warning")}: {Text}";
}

/// <summary>Everything that was found, so that a user sees all of it at once.</summary>
internal sealed class Findings
{
    private readonly List<Finding> _all = [];

    /// <summary>Whether keys that are not there are reported; not so where the file could only be read in part.</summary>
    public bool ReportMissing { get; set; } = true;

    public bool HasErrors => _all.Exists(f => f.IsError);

    /// <summary>In the order of the file; what has no place in it comes last.</summary>
    public IReadOnlyList<Finding> All =>
        [.. _all.Distinct().OrderBy(f => f.Origin.Line == 0).ThenBy(f => f.Origin.Line).ThenBy(f => f.Origin.Column)];

    public void Error(Origin origin, string text) => _all.Add(new Finding(origin, true, text));

    public void Warning(Origin origin, string text) => _all.Add(new Finding(origin, false, text));

    public void Missing(Origin origin, string text)
    {
        if (ReportMissing)
        {
            Error(origin, text);
        }
    }
}
