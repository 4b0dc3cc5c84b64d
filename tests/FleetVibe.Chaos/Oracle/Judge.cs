using FleetVibe.Chaos.Traffic;
using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.Chaos.Oracle;

/// <summary>
/// Holds what Telegraf holds against what really happened. Pure. To be asked at rest: the truth is whole, every agent has sent
/// everything, the gateway has delivered everything and made its roll-ups; before that it finds faults that will mend themselves.
/// </summary>
public static class Judge
{
    private static readonly TelegrafViolationKind[] Shrinking =
        [TelegrafViolationKind.ContributorsFell, TelegrafViolationKind.RequestsFell, TelegrafViolationKind.RevisionFell];

    /// <param name="points">All points at Telegraf; those of the nodes only help to explain.</param>
    /// <param name="violations">What the sender did wrong, each beginning with its <see cref="TelegrafViolationKind"/>.</param>
    public static Verdict Of(
        TrafficTruth truth, IReadOnlyList<StoredPoint> points, IReadOnlyList<string> violations, FleetLedgerNumbers ledger)
    {
        var findings = new Findings();
        var fleet = new FleetPoints(points, findings);
        var models = ModelTruth.Of(truth);
        foreach (var model in models)
        {
            var missing = RequestCounts.Compare(model, fleet, findings);
            Weigh(model.Model, model.Requests, missing, RefusedOf(truth.Nodes.Where(node => node.Value.Model == model.Model).Select(node => node.Key), ledger), findings);
            WindowContents.Compare(model, fleet, findings);
        }

        foreach (var engine in truth.Engines.GroupBy(engine => engine.Model, StringComparer.Ordinal))
        {
            var (expected, got) = (engine.Sum(e => e.Requests), RequestCounts.Total(engine.Key, fleet, findings));
            if (got > expected)
            {
                findings.Duplicated += got - expected;
                findings.Add("requests", engine.Key, expected, got, "over the whole run");
            }

            Weigh(engine.Key, expected, new Shortage(Math.Max(0, expected - got), []), RefusedOf(engine.Select(e => e.Node), ledger), findings);
        }

        foreach (var stranger in fleet.Models.Except(models.Select(model => model.Model)).Except(truth.Engines.Select(engine => engine.Model)))
        {
            if (RequestCounts.Total(stranger, fleet, findings) is > 0 and var got)
            {
                findings.Duplicated += got;
                findings.Add("requests", stranger, 0, got, "nobody serves this model");
            }
        }

        WindowContents.CheckBounds(fleet, findings);
        LedgerChecks.Check(truth, ledger, findings);
        foreach (var violation in violations)
        {
            findings.Add("violations", "Telegraf", 0, 1, violation);
        }

        return new Verdict(
            truth.Requests + truth.Engines.Sum(engine => engine.Requests), findings.Committed, ledger.Nodes.Sum(node => node.RefusedInAll),
            findings.Lost, findings.Duplicated, violations.Count(IsShrinking), WorstGap(truth, fleet), findings.WorstPercentileError,
            findings.Mismatches, findings.Count)
        {
            RefusedByReason = new SortedDictionary<string, long>(
                ledger.Nodes.SelectMany(node => node.Refused).Where(reason => reason.Value > 0).GroupBy(reason => reason.Key, StringComparer.Ordinal)
                    .ToDictionary(group => group.Key, group => group.Sum(reason => reason.Value)),
                StringComparer.Ordinal),
        };
    }

    /// <summary>What is missing must be what was refused: less was lost, more was counted although it was refused.</summary>
    private static void Weigh(string model, long expected, Shortage missing, long refused, Findings findings)
    {
        if (missing.Requests > refused)
        {
            findings.Lost += missing.Requests - refused;
            findings.Add("requests over the whole run", model, expected - refused, expected - missing.Requests, $"{refused} were refused");
            findings.Add(missing.Windows);
        }
        else if (refused > missing.Requests)
        {
            findings.Duplicated += refused - missing.Requests;
            findings.Add("requests refused", model, missing.Requests, refused, "some of them are in a window");
        }
    }

    private static long RefusedOf(IEnumerable<string> nodes, FleetLedgerNumbers ledger)
    {
        var names = nodes.ToHashSet(StringComparer.Ordinal);
        return ledger.Nodes.Where(node => names.Contains(node.Node)).Sum(node => node.RefusedInAll);
    }

    private static double WorstGap(TrafficTruth truth, FleetPoints points)
    {
        var gaps =
            from window in truth.Windows
            let point = points.Windows(window.Key.Model, WindowLevel.Base).GetValueOrDefault(window.Key.Start)
            where point is not null
            select (point.FirstWriteNs / 1e9) - window.Key.Start - WindowLevel.Base.Seconds;
        return Math.Max(0, gaps.DefaultIfEmpty().Max());
    }

    private static bool IsShrinking(string violation) =>
        Shrinking.Any(kind => violation.StartsWith(kind.ToString(), StringComparison.Ordinal));
}
