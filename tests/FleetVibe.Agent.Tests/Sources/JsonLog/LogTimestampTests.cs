using System.Text;
using FleetVibe.Agent.Sources.JsonLog;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

public sealed class LogTimestampTests
{
    [Theory]
    [InlineData("2025-11-24T06:00:00Z", "2025-11-24T06:00:00.0000000")]
    [InlineData("2025-11-24t06:00:00.5z", "2025-11-24T06:00:00.5000000")]
    [InlineData("2025-11-24T06:00:01.123456789+08:00", "2025-11-23T22:00:01.1234567")]
    [InlineData("2025-11-24T06:00:01-0530", "2025-11-24T11:30:01.0000000")]
    [InlineData("2025-11-24T06:00:01+02", "2025-11-24T04:00:01.0000000")]
    [InlineData("2025-11-24 06:00:04,123", "2025-11-24T06:00:04.1230000")]
    [InlineData("2025-11-24 06:00:04", "2025-11-24T06:00:04.0000000")]
    [InlineData("2025-11-24 06:00:04 +0100", "2025-11-24T05:00:04.0000000")]
    [InlineData("2025-12-31T23:59:60Z", "2026-01-01T00:00:00.0000000")]
    [InlineData("2025/11/24 - 06:00:01", "2025-11-24T06:00:01.0000000")]
    [InlineData("2025/11/24 06:00:01", "2025-11-24T06:00:01.0000000")]
    [InlineData("24/Nov/2025:06:00:01 +0800", "2025-11-23T22:00:01.0000000")]
    [InlineData("24/Jan/2025:06:00:01 +0000", "2025-01-24T06:00:01.0000000")]
    [InlineData("1763964002", "2025-11-24T06:00:02.0000000")]
    [InlineData("1763964002.5", "2025-11-24T06:00:02.5000000")]
    [InlineData("1763964003123", "2025-11-24T06:00:03.1230000")]
    [InlineData("1763964003123456", "2025-11-24T06:00:03.1234560")]
    [InlineData("1763964003123456789", "2025-11-24T06:00:03.1234567")]
    [InlineData(" 1763964002.123 ", "2025-11-24T06:00:02.1230000")]
    public void A_moment_is_read_in_every_form_that_servers_write(string text, string utc)
    {
        Assert.True(LogTimestamp.TryParse(Encoding.UTF8.GetBytes(text), TimeZoneInfo.Utc, out var moment));
        Assert.Equal(utc, moment.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffff", System.Globalization.CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("2025-11-24")]
    [InlineData("2025-02-29T00:00:00Z")]
    [InlineData("2025-11-24T24:00:00Z")]
    [InlineData("2025-11-24T06:00:00.Z")]
    [InlineData("2025-11-24T06:00:00+2400")]
    [InlineData("2025-11-24T06:00:00 CET")]
    [InlineData("9999-12-31T23:59:59-01:00")]
    [InlineData("9999-12-31T23:59:59Z")]
    [InlineData("2100-01-01T00:00:00Z")]
    [InlineData("1970-01-01T00:00:00Z")]
    [InlineData("0001-01-01T00:00:00Z")]
    [InlineData("0000-01-01T00:00:00Z")]
    [InlineData("24/Foo/2025:06:00:01 +0000")]
    [InlineData("24/an,/2025:06:00:01 +0000")]
    [InlineData("2025/11/24 - 06:00")]
    [InlineData("2025-11/24 06:00:01")]
    [InlineData("-1763964002")]
    [InlineData("0")]
    [InlineData("NaN")]
    [InlineData("1e400")]
    [InlineData("99999999999999999999999")]
    public void What_is_no_moment_is_refused(string text) =>
        Assert.False(LogTimestamp.TryParse(Encoding.UTF8.GetBytes(text), TimeZoneInfo.Utc, out _));

    [Fact]
    public void A_moment_without_a_zone_is_in_the_configured_one()
    {
        var zone = TimeZoneInfo.CreateCustomTimeZone("east", TimeSpan.FromHours(8), "east", "east");
        Assert.True(LogTimestamp.TryParse("2025-11-24 06:00:04,123"u8, zone, out var moment));
        Assert.Equal(new DateTimeOffset(2025, 11, 23, 22, 0, 4, 123, TimeSpan.Zero), moment);
        Assert.True(LogTimestamp.TryParse("2025-11-24T06:00:04Z"u8, zone, out moment));
        Assert.Equal(new DateTimeOffset(2025, 11, 24, 6, 0, 4, TimeSpan.Zero), moment);
    }

    [Theory]
    [InlineData("11-24 06:00:04 [loggers.py:118]", 2025, 11, 24, 2025)]
    [InlineData("12-31 23:59:59 [loggers.py:118]", 2026, 1, 1, 2025)]
    [InlineData("01-01 00:00:04 [loggers.py:118]", 2025, 12, 31, 2026)]
    [InlineData("02-29 00:00:04 [loggers.py:118]", 2025, 1, 1, 2024)]
    public void A_moment_without_a_year_is_in_the_year_that_brings_it_nearest(string text, int year, int month, int day, int expected)
    {
        Assert.True(LogTimestamp.TryParseWithoutYear(Encoding.UTF8.GetBytes(text), TimeZoneInfo.Utc, new DateTimeOffset(year, month, day, 0, 0, 0, TimeSpan.Zero), out var moment));
        Assert.Equal(expected, moment.Year);
    }
}
