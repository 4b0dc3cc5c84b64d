using System.Globalization;
using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Metrics.Histograms;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Tests.Sources.Engines;

/// <summary>
/// Two pages of one server, ten seconds apart, and what they must come to: a folder of <c>Pages</c>. The pages are ours, in the
/// shape of the server's; <c>expected.txt</c> begins with the settings (<c>kind</c>, <c>model</c>, <c>map</c>, <c>once</c>).
/// </summary>
internal sealed class EnginePages
{
    public static readonly DateTimeOffset Epoch = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);

    private readonly string _folder;
    private readonly string[] _expected;

    public EnginePages(string name)
    {
        _folder = Path.Combine(Root, name);
        _expected = File.ReadAllLines(Path.Combine(_folder, "expected.txt"));
        Settings = new EngineSourceSettings
        {
            Engine = Setting("kind").Single(),
            Endpoint = new Uri("http://127.0.0.1:8000/metrics"),
            Model = Setting("model").SingleOrDefault(),
            OnceLabels = [.. Setting("once")],
            Families = Setting("map").Select(m => m.Split('=', 2)).ToDictionary(m => m[0], m => m[1]),
        };
        First = File.ReadAllText(Path.Combine(_folder, "1.prom"));
        Second = File.ReadAllText(Path.Combine(_folder, "2.prom"));
    }

    private static string Root { get; } = FindRoot();

    public static IEnumerable<string> Names => Directory.GetDirectories(Root).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal);

    public EngineSourceSettings Settings { get; }

    public string First { get; }

    public string Second { get; }

    public string Expected => string.Join('\n', _expected.SkipWhile(line => !line.StartsWith("series", StringComparison.Ordinal)));

    public EngineTable Table => EngineTables.For(Settings);

    public CounterState Fresh() => new(EngineSource.AdapterOf(Settings).Origin, Epoch);

    public PolledPage Read(CounterState state, string text, double at, EngineSourceSettings? settings = null) =>
        EngineSource.AdapterOf(settings ?? Settings).Read(state, Page(text, at));

    public FetchedPage Page(string text, double at)
    {
        var beside = Directory.GetFiles(_folder, "*.json").ToDictionary(
            file => "/" + Path.GetFileNameWithoutExtension(file),
            file => new FetchedPage(File.ReadAllBytes(file), "application/json", Epoch.AddSeconds(at)));
        return new FetchedPage(Encoding.UTF8.GetBytes(text), "text/plain", Epoch.AddSeconds(at)) { Beside = beside };
    }

    /// <summary>The second page after the first.</summary>
    public PolledPage ReadBoth(Func<string, string>? change = null) => Read(Read(Fresh(), (change ?? Same)(First), 10).State, (change ?? Same)(Second), 20);

    /// <summary>A page's report as <c>expected.txt</c> writes it.</summary>
    public static string Render(PolledPage page)
    {
        var text = new StringBuilder();
        var gauges = page.Gauges.ToDictionary(g => g.Series.Model);
        foreach (var (model, totals) in Totals(page))
        {
            text.Append(CultureInfo.InvariantCulture, $"series {model}\n");
            text.Append(CultureInfo.InvariantCulture, $"  requests={totals.Requests} errors={totals.Errors} length_limited={totals.LengthLimited} input_tokens={totals.InputTokens} output_tokens={totals.OutputTokens}\n");
            text.Append(CultureInfo.InvariantCulture, $"  response_time {Render(totals.ResponseTime)}\n  ttft {Render(totals.Ttft)}\n");
            if (gauges.TryGetValue(model, out var g))
            {
                text.Append(CultureInfo.InvariantCulture, $"  gauges running={Or(g.Running)} waiting={Or(g.Waiting)} kv_cache_percent={Or(g.KvCachePercent)}\n");
            }
        }

        return text.Append(CultureInfo.InvariantCulture, $"skipped={page.SamplesSkipped} restarts={page.Restarts}").ToString();
    }

    public static SortedDictionary<string, SeriesTotals> Totals(PolledPage page)
    {
        var totals = new SortedDictionary<string, SeriesTotals>(StringComparer.Ordinal);
        foreach (var delta in page.Deltas)
        {
            if (!totals.TryGetValue(delta.Series.Model, out var sum))
            {
                totals[delta.Series.Model] = sum = new SeriesTotals();
            }

            sum.Merge(delta.Totals);
        }

        return totals;
    }

    private static string Same(string text) => text;

    private static string Render(Distribution distribution) => distribution.Count == 0
        ? "none"
        : string.Create(CultureInfo.InvariantCulture, $"count={distribution.Count} sum_us={distribution.Estimate.SumMicros} overflow={distribution.Overflow}");

    private static string Or(double? value) => value is { } known ? Math.Round(known, 6).ToString(CultureInfo.InvariantCulture) : "-";

    private IEnumerable<string> Setting(string name) =>
        _expected.Where(line => line.StartsWith(name + " ", StringComparison.Ordinal)).Select(line => line[(name.Length + 1)..]);

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "FleetVibe.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("FleetVibe.sln stands in no folder above the tests");
        }

        return Path.Combine(folder, "tests", "FleetVibe.Agent.Tests", "Sources", "Engines", "Pages");
    }
}
