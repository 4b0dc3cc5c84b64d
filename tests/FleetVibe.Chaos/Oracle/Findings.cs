namespace FleetVibe.Chaos.Oracle;

/// <summary>Collects what one judgement finds. Not thread safe.</summary>
internal sealed class Findings
{
    private readonly List<Mismatch> _mismatches = [];

    public IReadOnlyList<Mismatch> Mismatches => [.. _mismatches.Take(Verdict.MaxMismatches)];

    public int Count => _mismatches.Count;

    public long Lost { get; set; }

    public long Duplicated { get; set; }

    public long Committed { get; set; }

    public double WorstPercentileError { get; set; }

    public void Add(string what, string where, double expected, double got, string detail = "") =>
        _mismatches.Add(new Mismatch(what, where, expected, got, detail));

    public void Add(IEnumerable<Mismatch> mismatches) => _mismatches.AddRange(mismatches);

    public void Equal(string what, string where, long expected, long got, string detail = "")
    {
        if (expected != got)
        {
            Add(what, where, expected, got, detail);
        }
    }
}
