using FleetVibe.Chaos.Oracle;
using FleetVibe.Chaos.Traffic;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Chaos.Tests.Oracle;

/// <summary>Larger windows: what agents coalesced is in one of them, and everything else is in all.</summary>
public class JudgeRollUpTests
{
    private readonly SmallFleet _fleet = new();

    [Theory]
    [InlineData(60)]
    [InlineData(300)]
    [InlineData(3600)]
    public void What_was_coalesced_is_not_lost_where_a_larger_window_holds_it_directly(int level)
    {
        foreach (var finer in SmallFleet.Lengths.TakeWhile(seconds => seconds < level))
        {
            _fleet.AddAt(finer, "requests", -7, SmallFleet.WindowAt(3));
        }

        var verdict = _fleet.Judge();

        Assert.True(verdict.IsSound, string.Join('\n', verdict.Mismatches));
        Assert.Equal(verdict.Requests, verdict.Committed);
    }

    [Fact]
    public void What_stands_in_a_base_window_and_directly_in_a_larger_one_counts_twice()
    {
        foreach (var level in new[] { 60, 300, 3600 })
        {
            _fleet.AddAt(level, "requests", 7, SmallFleet.WindowAt(3));
        }

        var verdict = _fleet.Judge();

        Assert.Equal((0L, 7L), (verdict.Lost, verdict.Duplicated));
    }

    [Fact]
    public void A_direct_part_of_another_minute_covers_nothing()
    {
        _fleet.AddAt(10, "requests", -7, SmallFleet.WindowAt(3));
        _fleet.AddAt(60, "requests", -7, SmallFleet.WindowAt(3));
        _fleet.AddAt(60, "requests", 7, SmallFleet.WindowAt(9));

        var verdict = _fleet.Judge();

        Assert.Equal((7L, 7L), (verdict.Lost, verdict.Duplicated));
    }

    [Theory]
    [InlineData(60)]
    [InlineData(300)]
    public void A_roll_up_that_lacks_a_part_is_found_and_nothing_is_lost(int level)
    {
        _fleet.AddAt(level, "requests", -7, SmallFleet.WindowAt(3));

        var verdict = _fleet.Judge();

        Assert.Equal((0L, 0L), (verdict.Lost, verdict.Duplicated));
        Assert.Equal("fewer than its parts", Assert.Single(verdict.Mismatches).Detail);
    }

    [Fact]
    public void A_roll_up_that_never_came_is_found()
    {
        _fleet.Remove(60, SmallFleet.WindowAt(3));

        Assert.Equal("vibe-a 1m 2026-01-01T10:03:00Z", Assert.Single(_fleet.Judge().Mismatches).Where);
    }

    [Theory]
    [InlineData(300)]
    [InlineData(3600)]
    public void A_long_window_that_goes_on_may_lag(int level)
    {
        _fleet.AddAt(level, "requests", -7, SmallFleet.WindowAt(3));
        _fleet.Set(level, "final", FieldValue.Of(false), SmallFleet.WindowAt(3));

        Assert.True(_fleet.Judge().IsSound);
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(-4, 4, 0)]
    [InlineData(4, 0, 4)]
    public void An_engine_is_compared_over_the_whole_run(int held, int lost, int duplicated)
    {
        _fleet.Truth.Add(new EngineTruth("e", "engine", 100));
        _fleet.AddStranger("engine", 100 + held);
        _fleet.Nodes.Add(new NodeLedgerNumbers("e", 100, 0, 0, 100));

        var verdict = _fleet.Judge(gateway => gateway with { Committed = _fleet.Truth.Requests + 100 + held });

        Assert.Equal(((long)lost, (long)duplicated), (verdict.Lost, verdict.Duplicated));
    }
}
