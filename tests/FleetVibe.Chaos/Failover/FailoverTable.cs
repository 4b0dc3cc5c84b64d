using System.Globalization;

namespace FleetVibe.Chaos.Failover;

/// <summary>The table of docs/failover.md: a row for each way to end a member.</summary>
internal static class FailoverTable
{
    private const string Head = "| how a member ends | times | median | max | required |";

    private static readonly Dictionary<EndMode, string> Names = new()
    {
        [EndMode.Peace] = "peace",
        [EndMode.Kill] = "kill",
        [EndMode.KillRestart] = "kill-restart",
        [EndMode.Term] = "term",
    };

    public static IEnumerable<string> AllNames => Names.Values;

    public static string NameOf(EndMode mode) => Names[mode];

    public static EndMode? Parse(string name) => Names.Where(entry => entry.Value == name).Select(entry => (EndMode?)entry.Key).FirstOrDefault();

    /// <summary>Whether every time is within what is promised.</summary>
    public static bool Holds(IEnumerable<FailoverTime> times) => times.All(time => time.Worst <= Required(time.Mode));

    /// <summary>The page with the rows of what was measured now in place of the same rows before.</summary>
    public static string PutInto(string page, IReadOnlyList<FailoverTime> times)
    {
        var lines = page.Split('\n').ToList();
        var head = lines.IndexOf(Head);
        if (head < 0)
        {
            lines.AddRange([Head, "|---|---|---|---|---|"]);
            head = lines.Count - 2;
        }

        foreach (var group in times.GroupBy(time => time.Mode))
        {
            var row = Row(group.Key, [.. group.Select(time => time.Worst).Order()]);
            var old = lines.FindIndex(line => line.StartsWith(Label(group.Key), StringComparison.Ordinal));
            if (old >= 0)
            {
                lines[old] = row;
            }
            else
            {
                var after = lines.FindIndex(head, line => !line.StartsWith('|'));
                lines.Insert(after < 0 ? lines.Count : after, row);
            }
        }

        return string.Join('\n', lines).TrimEnd('\n') + "\n";
    }

    private static string Label(EndMode mode)
    {
        var text = mode switch
        {
            EndMode.Peace => "nobody ends",
            EndMode.Kill => "SIGKILL, nothing restarts it",
            EndMode.KillRestart => "SIGKILL, restarted after 1 s",
            _ => "SIGTERM",
        };
        return $"| {text} |";
    }

    private static string Row(EndMode mode, IReadOnlyList<TimeSpan> ordered) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Label(mode)} {ordered.Count} | {Median(ordered).TotalSeconds:0.0} s | {ordered[^1].TotalSeconds:0.0} s | {Required(mode).TotalSeconds:0} s |");

    private static TimeSpan Median(IReadOnlyList<TimeSpan> ordered) => (ordered[(ordered.Count - 1) / 2] + ordered[ordered.Count / 2]) / 2;

    // Where nobody is killed a window waits for its last host as long as the aggregator's grace, and a little for its commit.
    private static TimeSpan Required(EndMode mode) => TimeSpan.FromSeconds(mode switch
    {
        EndMode.Kill => 15,
        EndMode.KillRestart => 10,
        _ => 5,
    });
}
