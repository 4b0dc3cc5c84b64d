using System.Text;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Exposition;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>What a family tells of a model. The numbers stand in checkpoints: a new figure takes a new one.</summary>
internal enum Figure
{
    Running = 1,
    Waiting = 2,
    KvCache = 3,
    InputTokens = 5,
    OutputTokens = 6,

    /// <summary>Ended requests, by a label that says how.</summary>
    Finished = 7,
    ResponseTime = 8,
    Ttft = 9,

    /// <summary>All ended requests.</summary>
    Requests = 10,

    /// <summary>Ended requests without those that failed.</summary>
    Succeeded = 11,
    Errors = 12,
    LengthLimited = 13,
}

/// <summary>Which rows of a family are taken, by one label. A row without the label has the empty value.</summary>
/// <param name="Excepts">The values are those that are left out.</param>
internal sealed record LabelRule(string Label, IReadOnlyList<string> Values, bool Excepts = false)
{
    public byte[] LabelBytes { get; } = Encoding.UTF8.GetBytes(Label);

    public bool Takes(string? value) => Values.Contains(value ?? "", StringComparer.Ordinal) != Excepts;
}

/// <summary>One family of a page and what it means. Its name is matched as <see cref="FamilyFilter"/> says; its TYPE is not asked.</summary>
/// <param name="Name">As the server writes it.</param>
internal sealed record EngineFamily(string Name, Figure Figure)
{
    /// <summary>Factor to seconds (latencies) or to a share of one (cache).</summary>
    public double Scale { get; init; } = 1;

    /// <summary>What of the family is the counter: its value, or the sum or the count of a histogram or summary.</summary>
    public SamplePart Part { get; init; } = SamplePart.Value;

    /// <summary>All must take the row.</summary>
    public IReadOnlyList<LabelRule> Where { get; init; } = [];

    /// <summary>Of <see cref="Figure.Finished"/>: the label that says how a request ended.</summary>
    public string? ReasonLabel { get; init; }

    /// <summary>Of <see cref="Figure.Finished"/>: what a reason means.</summary>
    public Func<string?, Measure> FinishOf { get; init; } = FinishReasons.OfEngine;

    public bool IsGauge => Figure is Figure.Running or Figure.Waiting or Figure.KvCache;

    public bool IsHistogram => Figure is Figure.ResponseTime or Figure.Ttft;
}

/// <summary>How a page is known: by names that begin so, or by families that all stand on it.</summary>
internal sealed record EngineMark(string? Prefix, IReadOnlyList<string> Families)
{
    public static EngineMark Begin(string prefix) => new(prefix, []);

    public static EngineMark All(params string[] families) => new(null, families);
}

/// <summary>
/// What the Prometheus page of one kind of server means: data, nothing else. Of several families of one figure the first that
/// a process has counts, and they are never added up; so do the figures that can count requests, in the order of the list.
/// </summary>
internal sealed class EngineTable
{
    public const int ProcessStart = 0;
    public const string ProcessStartFamily = "process_start_time_seconds";

    private static readonly Figure[] CountRequests = [Figure.ResponseTime, Figure.Finished, Figure.Requests, Figure.Succeeded];

    private readonly List<IReadOnlyList<MappedFamily>> _mapped = [];

    public EngineTable(string kind, string product, IReadOnlyList<EngineFamily> families)
    {
        Kind = kind;
        Product = product;
        Families = families;
        var ids = new Dictionary<string, int> { [ProcessStartFamily] = ProcessStart };
        foreach (var byName in families.Select(MappedFamily.In(families)).GroupBy(m => StemOf(m.Family.Name), StringComparer.Ordinal))
        {
            ids[byName.Key] = _mapped.Count + 1;
            _mapped.Add([.. byName]);
        }

        Filter = new FamilyFilter(ids);
        var ofRequests = families.Where(f => CountRequests.Contains(f.Figure)).ToList();
        Routes = Enum.GetValues<Figure>().ToDictionary(figure => figure, figure => SlotsOf(families.Where(f => f.Figure == figure)));
        Routes[Figure.Requests] = SlotsOf(ofRequests);
        RequestFamilies = [.. ofRequests.Select(f => f.Name)];
        HasErrors = families.Any(f => f.Figure == Figure.Errors);
        HasTtft = families.Any(f => f.Figure == Figure.Ttft);
        ReasonLabels = [.. families.Select(f => f.ReasonLabel).OfType<string>().Distinct()];

        string[] SlotsOf(IEnumerable<EngineFamily> some) => [.. some.Select(f => MappedFamily.In(families)(f).Slot)];
    }

    /// <summary>As in the configuration.</summary>
    public string Kind { get; }

    /// <summary>As its makers write it.</summary>
    public string Product { get; }

    public IReadOnlyList<EngineFamily> Families { get; }

    public FamilyFilter Filter { get; }

    /// <summary>The slots that can give a figure, best first. Under <see cref="Figure.Requests"/>: all that can count requests.</summary>
    public IDictionary<Figure, string[]> Routes { get; }

    /// <summary>The families that can count requests, best first.</summary>
    public IReadOnlyList<string> RequestFamilies { get; }

    /// <summary>Errors have a counter of their own; what finished in error is then not counted as one.</summary>
    public bool HasErrors { get; }

    public bool HasTtft { get; }

    public IReadOnlyList<string> ReasonLabels { get; }

    public IReadOnlyList<EngineMark> Marks { get; init; } = [];

    /// <summary>The labels that name the model, the first that a row has.</summary>
    public IReadOnlyList<string> ModelLabels { get; init; } = ["model_name"];

    /// <summary>The labels that tell processes apart which begin again together; null means all.</summary>
    public IReadOnlyList<string>? ProcessLabels { get; init; }

    /// <summary>Labels whose rows say the same thing again: one of them is taken.</summary>
    public IReadOnlyList<string> OnceLabels { get; init; } = [];

    /// <summary>
    /// The labels that may stand in the keys of series; null means all. By the others, which name people and keys, rows are
    /// told apart by a hash, and nothing else of them is kept.
    /// </summary>
    public IReadOnlyList<string>? OpenLabels { get; init; }

    /// <summary>Holds for every family.</summary>
    public IReadOnlyList<LabelRule> Where { get; init; } = [];

    /// <summary>The latency has only the requests that did not fail, so that errors are requests beside it.</summary>
    public bool LatencyIsOfSuccesses { get; init; }

    /// <summary>A configured model chooses its rows, since the models of one page are not one model's replicas.</summary>
    public bool ModelSelects { get; init; }

    /// <summary>Any service may have such a page, an engine among them.</summary>
    public bool IsOfAnyService { get; init; }

    /// <summary>Tells tables of one kind apart.</summary>
    public string Fingerprint { get; init; } = "";

    /// <summary>What switches the metrics on, and where they are.</summary>
    public required string DisabledCure { get; init; }

    /// <summary>Paths of the server that are read with the page.</summary>
    public IReadOnlyList<string> Beside { get; init; } = [];

    /// <summary>The path that names the version; null where there is none.</summary>
    public string? VersionPath { get; init; }

    public SourceRank Rank { get; init; } = SourceRank.Engine;

    public IReadOnlyList<MappedFamily> Mapped(int familyId) => _mapped[familyId - 1];

    // Names that FamilyFilter takes for one.
    private static string StemOf(string name)
    {
        var stem = (name.StartsWith("ray_", StringComparison.Ordinal) ? name[4..] : name).Replace(':', '_');
        return stem.EndsWith("_total", StringComparison.Ordinal) ? stem[..^6] : stem;
    }

    /// <summary>Whether the page names the engine, be it in a comment.</summary>
    public bool IsNamedIn(ReadOnlySpan<byte> body)
    {
        foreach (var mark in Marks)
        {
            foreach (var name in mark.Prefix is { } prefix ? (IReadOnlyList<string>)[prefix] : mark.Families)
            {
                if (body.IndexOf(Encoding.UTF8.GetBytes(name)) >= 0
                    || body.IndexOf(Encoding.UTF8.GetBytes(name.Replace(':', '_'))) >= 0)
                {
                    return true;
                }
            }
        }

        return false;
    }
}

/// <summary>A family in its place: <paramref name="Rank"/> 0 is the best of its figure.</summary>
internal sealed record MappedFamily(EngineFamily Family, int Rank)
{
    /// <summary>Begins the keys of its series.</summary>
    public string Slot { get; } = Rank == 0 ? $"{(int)Family.Figure}" : $"{(int)Family.Figure}.{Rank}";

    public static Func<EngineFamily, MappedFamily> In(IReadOnlyList<EngineFamily> families) =>
        family => new MappedFamily(family, families.Where(f => f.Figure == family.Figure).TakeWhile(f => !ReferenceEquals(f, family)).Count());
}
