using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.Chaos.Oracle;

/// <summary>What of one model no level holds.</summary>
/// <param name="Windows">Base windows that lack it: faults only where more is missing than was refused.</param>
internal sealed record Shortage(long Requests, IReadOnlyList<Mismatch> Windows);

/// <summary>
/// Compares one model's requests with its truth. A base window holds what came as such; what an agent coalesced stands in a
/// larger window alone, as what this holds beyond its parts. So a shortfall of base windows may be covered one level up, and
/// only what no level covers is missing, but no surplus of one window ever makes up for another.
/// </summary>
internal static class RequestCounts
{
    public static Shortage Compare(ModelTruth truth, FleetPoints points, Findings findings)
    {
        var model = truth.Model;
        var shortfall = new Dictionary<long, long>();
        var held = new Dictionary<long, long>();
        var (expected, got) = (truth.Windows(WindowLevel.Base), points.Windows(model, WindowLevel.Base));
        foreach (var start in expected.Keys.Union(got.Keys))
        {
            var (want, have) = (expected.GetValueOrDefault(start)?.Requests ?? 0, FleetPoints.Requests(got.GetValueOrDefault(start)));
            held[start] = have;
            shortfall[start] = Math.Max(0, want - have);
            if (have > want)
            {
                findings.Duplicated += have - want;
                findings.Add("requests", WindowLevel.Base.Describe(model, start), want, have, Describe(truth, points, start));
            }
        }

        var stillShort = new List<(WindowLevel Level, HashSet<long> Starts)>();
        foreach (var level in WindowLevel.RollUps)
        {
            (held, shortfall) = Raise(model, level, points, held, shortfall, findings);
            stillShort.Add((level, [.. shortfall.Where(pair => pair.Value > 0).Select(pair => pair.Key)]));
        }

        findings.Committed += held.Values.Sum();
        return new Shortage(shortfall.Values.Sum(), ShortWindows(truth, points, stillShort));
    }

    /// <summary>Requests that the largest windows of a model without a truth by window hold.</summary>
    public static long Total(string model, FleetPoints points, Findings findings)
    {
        var held = points.Windows(model, WindowLevel.Base).ToDictionary(pair => pair.Key, pair => FleetPoints.Requests(pair.Value));
        foreach (var level in WindowLevel.RollUps)
        {
            // Everything may be direct where nothing is known of the parts.
            (held, _) = Raise(model, level, points, held, null, findings);
        }

        findings.Committed += held.Values.Sum();
        return held.Values.Sum();
    }

    private static (Dictionary<long, long> Held, Dictionary<long, long> Shortfall) Raise(
        string model, WindowLevel level, FleetPoints points, Dictionary<long, long> parts, Dictionary<long, long>? shortfalls, Findings findings)
    {
        var rolled = points.Windows(model, level);
        var sums = parts.GroupBy(pair => level.StartOf(pair.Key)).ToDictionary(group => group.Key, group => group.Sum(pair => pair.Value));
        var lacking = shortfalls?.GroupBy(pair => level.StartOf(pair.Key)).ToDictionary(group => group.Key, group => group.Sum(pair => pair.Value));
        var held = new Dictionary<long, long>();
        var left = new Dictionary<long, long>();
        foreach (var start in sums.Keys.Union(rolled.Keys))
        {
            var sum = sums.GetValueOrDefault(start);
            var point = rolled.GetValueOrDefault(start);
            var have = FleetPoints.Requests(point);
            if (have < sum && IsDue(level, point))
            {
                findings.Add("requests", level.Describe(model, start), sum, have, "fewer than its parts");
            }

            var direct = Math.Max(0, have - sum);
            held[start] = sum + direct;
            if (lacking is not null)
            {
                var missing = lacking.GetValueOrDefault(start);
                left[start] = Math.Max(0, missing - direct);
                if (direct > missing)
                {
                    findings.Duplicated += direct - missing;
                    findings.Add("requests", level.Describe(model, start), sum + missing, have, "more than its parts and what they lack");
                }
            }
        }

        return (held, left);
    }

    /// <summary>Five minutes or an hour that go on are made once in 30 or 60 s; all else is there when the gateway is at rest.</summary>
    private static bool IsDue(WindowLevel level, StoredPoint? point) =>
        level == WindowLevel.RollUps[0] || point?.Boolean("final") == true;

    private static List<Mismatch> ShortWindows(ModelTruth truth, FleetPoints points, List<(WindowLevel Level, HashSet<long> Starts)> stillShort)
    {
        var got = points.Windows(truth.Model, WindowLevel.Base);
        return
        [
            .. from window in truth.Windows(WindowLevel.Base).OrderBy(pair => pair.Key)
               let have = FleetPoints.Requests(got.GetValueOrDefault(window.Key))
               where have < window.Value.Requests && stillShort.All(above => above.Starts.Contains(above.Level.StartOf(window.Key)))
               select new Mismatch(
                   "requests", WindowLevel.Base.Describe(truth.Model, window.Key), window.Value.Requests, have, Describe(truth, points, window.Key)),
        ];
    }

    private static string Describe(ModelTruth truth, FleetPoints points, long start)
    {
        var point = points.Windows(truth.Model, WindowLevel.Base).GetValueOrDefault(start);
        var byNode = truth.Windows(WindowLevel.Base).GetValueOrDefault(start)?.ByNode ?? new Dictionary<string, long>();
        var missing = byNode.Values.Sum() - FleetPoints.Requests(point);
        var culprits = byNode.Where(pair => pair.Value == Math.Abs(missing)).Select(pair => pair.Key).ToList();
        return string.Join("; ", new[]
        {
            point is null ? "no point" : $"revision {point.Integer("revision")}, {point.Integer("contributors")} of {point.Integer("expected")} hosts",
            "truth by node: " + string.Join(", ", byNode.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key} {pair.Value}")),
            points.DescribeNodes(truth.Model, start) is { Length: > 0 } nodes ? "node points: " + nodes : "",
            culprits.Count > 0 ? $"the difference is all of {string.Join(" or ", culprits)}" : "",
        }.Where(text => text.Length > 0));
    }
}
