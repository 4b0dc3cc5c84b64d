using FleetVibe.Composition;

namespace FleetVibe.Tests.Composition;

public class OffsetTimeProviderTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Without_the_variable_the_clock_is_the_systems_own(string? value) => Assert.Same(TimeProvider.System, Of(value));

    [Theory]
    [InlineData("01:00:00", 60)]
    [InlineData("-00:05:00", -5)]
    public void With_it_the_wall_clock_is_off_by_so_much(string value, int minutes)
    {
        var before = TimeProvider.System.GetUtcNow();
        var shown = Of(value).GetUtcNow().AddMinutes(-minutes);

        Assert.InRange(shown, before, TimeProvider.System.GetUtcNow());
    }

    [Fact]
    public void A_value_that_is_no_span_of_time_is_named_with_its_variable() =>
        Assert.Contains("FLEETVIBE_CLOCK_OFFSET = \"soon\"", Assert.Throws<FormatException>(() => Of("soon")).Message, StringComparison.Ordinal);

    private static TimeProvider Of(string? value) => OffsetTimeProvider.FromEnvironment(name => name == OffsetTimeProvider.Variable ? value : null);
}
