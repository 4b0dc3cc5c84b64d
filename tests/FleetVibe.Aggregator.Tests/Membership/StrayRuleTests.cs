using FleetVibe.Aggregator.Membership;
using FleetVibe.Aggregator.Tests.Doubles;

namespace FleetVibe.Aggregator.Tests.Membership;

public class StrayRuleTests
{
    private static readonly Moment Start = Clock.At(new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero));
    private static readonly TimeSpan After = StrayRule.Patience + TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_minority_beside_a_seed_that_answers_is_stray_after_a_while(int membersUp)
    {
        var rule = new StrayRule(seeds: 3);

        Assert.False(rule.IsStray(membersUp, strangerAnswers: true, Start));
        Assert.False(rule.IsStray(membersUp, strangerAnswers: true, Later(StrayRule.Patience)));
        Assert.True(rule.IsStray(membersUp, strangerAnswers: true, Later(After)));
    }

    [Fact]
    public void Of_two_clusters_the_one_with_a_majority_of_the_seeds_stays()
    {
        var rule = new StrayRule(seeds: 3);

        Assert.False(rule.IsStray(2, strangerAnswers: true, Start));
        Assert.False(rule.IsStray(2, strangerAnswers: true, Later(After)));
    }

    [Fact]
    public void Who_is_left_alone_because_nobody_else_runs_goes_on()
    {
        var rule = new StrayRule(seeds: 3);

        Assert.False(rule.IsStray(1, strangerAnswers: false, Start));
        Assert.False(rule.IsStray(1, strangerAnswers: false, Later(After)));
    }

    [Fact]
    public void A_seed_that_joined_meanwhile_was_only_late()
    {
        var rule = new StrayRule(seeds: 3);
        rule.IsStray(1, strangerAnswers: true, Start);
        rule.IsStray(2, strangerAnswers: false, Later(TimeSpan.FromSeconds(10)));

        Assert.False(rule.IsStray(1, strangerAnswers: true, Later(After)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void A_clock_that_is_set_makes_no_member_stray_sooner_or_later(double backHours)
    {
        var rule = new StrayRule(seeds: 3);
        rule.IsStray(1, strangerAnswers: true, Start);

        Assert.False(rule.IsStray(1, strangerAnswers: true, Later(StrayRule.Patience).SetBack(backHours)));
        Assert.True(rule.IsStray(1, strangerAnswers: true, Later(After).SetBack(backHours)));
    }

    [Fact]
    public void A_cluster_without_seeds_is_never_stray() => Assert.False(new StrayRule(seeds: 0).IsStray(1, strangerAnswers: false, Later(After)));

    private static Moment Later(TimeSpan span) => new(Start.Utc + span, Start.Up + span);
}
