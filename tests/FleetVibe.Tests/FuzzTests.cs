using FleetVibe.Fuzz;

namespace FleetVibe.Tests;

/// <summary>The short form of the fuzz run: a fixed seed, seconds.</summary>
public class FuzzTests
{
    private const ulong Seed = 7;

    public static TheoryData<string, long> Targets() => new()
    {
        { "exposition", 20_000 }, { "json_log", 20_000 }, { "envelopes", 2_000 }, { "line_protocol", 20_000 }, { "page", 2_000 }, { "nvidia_smi", 10_000 }, { "gpu_xml", 2_000 }, { "gpu_tools", 5_000 },
        { "answer", 10_000 }, { "toml", 1_000 },
    };

    [Theory]
    [MemberData(nameof(Targets))]
    public void A_damaged_input_is_read_or_refused_in_bounds(string name, long inputs)
    {
        var result = new FuzzRunner(FuzzTargets.All.Single(t => t.Name == name), Seed, TimeProvider.System).Run(inputs);

        Assert.Empty(result.Findings);
        Assert.True(result.Found > 0, "every input was refused, so little was tried");
    }

    [Fact]
    public void Every_reader_has_a_short_form() =>
        Assert.Equal(FuzzTargets.All.Select(t => t.Name), Targets().Select(row => (string)row[0]));

    [Fact]
    public void An_exception_and_an_excess_of_memory_are_findings()
    {
        var broken = new FuzzTarget("broken", 1, ["abc"], ["x"], () => input => input.Length % 2 == 0 ? throw new InvalidOperationException("odd") : new byte[FuzzRunner.MaxBytes + 1].Length);

        var findings = new FuzzRunner(broken, Seed, TimeProvider.System).Run(50).Findings;
        Assert.Contains(findings, f => f.Contains("InvalidOperationException: odd", StringComparison.Ordinal));
        Assert.Contains(findings, f => f.Contains("allocated", StringComparison.Ordinal));
    }

    [Fact]
    public void An_input_is_made_again_by_its_number()
    {
        var target = FuzzTargets.All[0];
        var mutator = new Mutator(Seed, target);
        var first = mutator.Make(3);
        _ = mutator.Make(9);

        Assert.Equal(first, mutator.Make(3));
        Assert.Equal(first, new Mutator(Seed, target).Make(3));
        Assert.NotEqual(first, new Mutator(Seed + 1, target).Make(3));
    }
}
