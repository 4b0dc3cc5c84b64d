using System.Globalization;
using System.Text;
using Xunit.Abstractions;

namespace FleetVibe.Model.Tests;

/// <summary>
/// The delivery protocol as a whole, over the real accumulators, spools, sessions, series, commit log and outbox: whatever
/// dies, hangs or is lost, nothing is lost, nothing is there twice, and no window gets worse.
/// </summary>
public class ProtocolModelTests(ITestOutputHelper output)
{
    private const int Length = 360;
    private const int ShrinkBudget = 400;

    private static int SeedsOf(int few) =>
        int.TryParse(Environment.GetEnvironmentVariable("FLEETVIBE_MODEL_SEEDS"), CultureInfo.InvariantCulture, out var seeds) ? seeds : few;

    private static int FirstSeed =>
        int.TryParse(Environment.GetEnvironmentVariable("FLEETVIBE_MODEL_FIRST"), CultureInfo.InvariantCulture, out var seed) ? seed : 0;

    [Fact]
    public void Without_faults_every_request_is_in_its_window() => RunSeeds(Math.Min(20, SeedsOf(20)), faults: false, []);

    [Fact]
    public void Whatever_fails_nothing_is_lost_and_nothing_is_there_twice()
    {
        var counts = new Dictionary<string, long>();
        RunSeeds(SeedsOf(600), faults: true, counts);
        foreach (var (what, count) in counts.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            output.WriteLine($"{count,10} {what}");
        }

        string[] mustHappen =
        [
            "windows of several revisions", "lost swaps", "late commits", "refused late", "records coalesced", "windows above 10 s", "requests late", "requests future", "requests undecodable", "requests in a gap", "roll-ups made",
            "agents killed", "aggregators killed", "deliverers killed", "spools lost", "folders lost", "spools rolled back", "rolled back spools found",
            "replays", "horizon moves", "unknown outcomes", "204s lost",
        ];
        Assert.DoesNotContain(mustHappen, what => counts.GetValueOrDefault(what) == 0);
    }

    [Theory]
    [InlineData(Mutant.AckMem)]
    [InlineData(Mutant.AckEarly)]
    [InlineData(Mutant.OpenLost)]
    [InlineData(Mutant.CoalSent)]
    [InlineData(Mutant.NoSet)]
    [InlineData(Mutant.DlKey)]
    [InlineData(Mutant.FatePrune)]
    [InlineData(Mutant.MarkHead)]
    [InlineData(Mutant.NoQuiet)]
    [InlineData(Mutant.RollAdd)]
    public void The_model_notices(Mutant mutant)
    {
        const int Seeds = 200;
        var counts = new Dictionary<string, long>();
        for (var seed = 0; seed < Seeds; seed++)
        {
            // Only where the sound parts come through.
            if (FailureOf(Schedule.Of(seed, Length), mutant, counts) is { } failure && FailureOf(Schedule.Of(seed, Length), Mutant.None) is null)
            {
                output.WriteLine($"{mutant}: seed {seed}: {failure.Message}");
                return;
            }
        }

        Assert.Fail($"{mutant} was not noticed in {Seeds} seeds: {string.Join(", ", counts.Select(entry => $"{entry.Value} {entry.Key}"))}");
    }

    private static void RunSeeds(int seeds, bool faults, Dictionary<string, long> counts)
    {
        // Worlds share nothing: each schedule runs on one thread, several of them side by side.
        (int Seed, Violation Failure)? first = null;
        Parallel.For(FirstSeed, FirstSeed + seeds, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (seed, loop) =>
        {
            var counted = new Dictionary<string, long>();
            var failure = FailureOf(Schedule.Of(seed, Length, faults), Mutant.None, counted);
            lock (counts)
            {
                foreach (var (what, count) in counted)
                {
                    counts[what] = counts.GetValueOrDefault(what) + count;
                }

                if (failure is not null && (first is null || seed < first.Value.Seed))
                {
                    first = (seed, failure);
                    loop.Break();
                }
            }
        });
        if (first is { } found)
        {
            Assert.Fail(Explain(found.Seed, Schedule.Of(found.Seed, Length, faults), found.Failure));
        }
    }

    private static Violation? FailureOf(List<Step> steps, Mutant mutant, Dictionary<string, long>? counts = null)
    {
        using var world = new World(mutant, counts: counts);
        return FailureIn(world, steps);
    }

    // Whatever a part throws is a failure of the model as well.
    private static Violation? FailureIn(World world, List<Step> steps)
    {
        try
        {
            world.Run(steps);
            return null;
        }
        catch (Violation violation)
        {
            return violation;
        }
        catch (Exception e)
        {
            return new Violation(e.GetType().Name, e.ToString());
        }
    }

    private static string Explain(int seed, List<Step> steps, Violation failure)
    {
        var shrunk = Shrinker.Shrink(steps, candidate => FailureOf(candidate, Mutant.None)?.Rule == failure.Rule, ShrinkBudget);
        using var world = new World(Mutant.None, traced: true);
        var last = FailureIn(world, shrunk);
        var text = new StringBuilder()
            .AppendLine(CultureInfo.InvariantCulture, $"seed {seed}: {failure.Message}")
            .AppendLine(CultureInfo.InvariantCulture, $"shrunk to {shrunk.Count} of {steps.Count} steps: {string.Join(' ', shrunk)}");
        foreach (var line in world.Trace)
        {
            text.AppendLine(line);
        }

        return text.AppendLine(last?.Message ?? "the shrunk schedule no longer fails: something is not decided by the schedule").ToString();
    }
}
