using CsCheck;

namespace FleetVibe.Aggregator.Tests.Series;

public class SeriesModelTests
{
    private const int Steps = 600;

    [Fact]
    public void Every_record_has_one_fate_and_every_window_holds_what_its_fates_say() =>
        Gen.Int[0, int.MaxValue].Sample(seed => new SeriesWorld(seed).Run(Steps), iter: 150);

    [Fact]
    public void The_schedules_make_owners_lose_swaps()
    {
        var (lost, commits) = (0, 0);
        for (var seed = 0; seed < 20; seed++)
        {
            var world = new SeriesWorld(seed);
            world.Run(Steps);
            lost += world.LostSwaps;
            commits += world.Commits;
        }

        Assert.InRange(commits, 200, int.MaxValue);
        Assert.InRange(lost, commits / 20, int.MaxValue);
    }

    [Theory]
    [InlineData(nameof(Mutant.AckMemory))]
    [InlineData(nameof(Mutant.NoSet))]
    [InlineData(nameof(Mutant.NoCas))]
    public void The_model_notices_a_broken_protocol(string mutant)
    {
        for (var seed = 0; seed < 80; seed++)
        {
            try
            {
                new SeriesWorld(seed, Enum.Parse<Mutant>(mutant)).Run(Steps);
            }
            catch (InvalidOperationException)
            {
                return;
            }
        }

        Assert.Fail($"{mutant} was not noticed in 80 schedules");
    }
}
