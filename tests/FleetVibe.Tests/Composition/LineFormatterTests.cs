using FleetVibe.Composition;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Tests.Composition;

public class LineFormatterTests
{
    [Fact]
    public void An_event_is_one_line_with_UTC_time_level_and_role() =>
        Assert.Equal(
            "2026-11-24T08:00:00.000Z WARN  agent: no aggregator; records wait: IOException: reset by peer",
            Formatter().Line(LogLevel.Warning, "[WARNING][11/24/2026 08:00:00.000Z][Thread 0007][akka://a/user/agent/$b] no aggregator;\n  records wait", new IOException("reset\n by peer")));

    [Fact]
    public void For_Telegraf_it_has_a_prefix_and_no_time() =>
        Assert.Equal(
            "W! agent: Source x is down",
            Formatter(forTelegraf: true).Line(LogLevel.Warning, "[WARNING][11/24/2026 08:00:00.000Z][Thread 0007][akka://a/user/agent/$b] Source x\n is down", null));

    [Theory]
    [InlineData("Akka.Actor.ActorSystem", "[INFO][x][Thread 1][akka://a/system/sharding] x", true)]
    [InlineData("Akka.Actor.ActorSystem", "[INFO][x][Thread 1][akka://a/user/agent] x", false)]
    [InlineData("FleetVibe.Gateway", "x", false)]
    public void Our_actors_are_told_from_Akka_itself(string category, string message, bool expected) =>
        Assert.Equal(expected, LineFormatter.IsOfAkkaItself(category, message));

    private static LineFormatter Formatter(bool forTelegraf = false) =>
        new(new Fixed(new LineFormatterOptions { Role = "agent", ForTelegraf = forTelegraf }), new FakeTimeProvider(new DateTimeOffset(2026, 11, 24, 8, 0, 0, TimeSpan.Zero)));

    private sealed class Fixed(LineFormatterOptions options) : IOptionsMonitor<LineFormatterOptions>
    {
        public LineFormatterOptions CurrentValue => options;

        public LineFormatterOptions Get(string? name) => options;

        public IDisposable? OnChange(Action<LineFormatterOptions, string?> listener) => null;
    }
}
