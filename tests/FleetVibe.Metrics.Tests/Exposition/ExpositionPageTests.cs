using System.Globalization;
using FleetVibe.Metrics.Exposition;

namespace FleetVibe.Metrics.Tests.Exposition;

public class ExpositionPageTests
{
    [Fact]
    public void Samples_stand_in_the_family_that_declares_them()
    {
        var page = ExpositionPage.Read(
            """
            # TYPE d histogram
            d_bucket{le="1"} 1
            # TYPE d_count gauge
            d_count 2
            d_sum{a="b",c="d\"e"} 3 1700000000500
            loose_total 4
            # TYPE vllm:x counter
            vllm_x_total 5
            # TYPE empty gauge

            """u8);

        Assert.Equal(
            ["d histogram: d_bucket{le=1} 1; d_sum{a=b,c=d\"e} 3 @1700000000.5", "d_count gauge: d_count{} 2", "vllm:x counter: vllm_x_total{} 5", "empty gauge: ", "loose_total unknown: loose_total{} 4"],
            page.Families.Select(Text));
        Assert.Equal(5, page.Samples);
        Assert.Empty(page.Skipped);
    }

    [Fact]
    public void Every_line_left_out_is_named_with_its_place()
    {
        var page = ExpositionPage.Read("a 1\n  b x\nc{d} 1\n<p>\ne 1 y\n"u8);

        Assert.Equal(
            [new SkippedLine(2, 5, "invalid value"), new SkippedLine(3, 4, "bad labels"), new SkippedLine(4, 1, "expected a metric name"), new SkippedLine(5, 5, "invalid timestamp")],
            page.Skipped);
    }

    [Fact]
    public void OpenMetrics_times_are_seconds_and_its_end_is_missed()
    {
        var page = ExpositionPage.Read("a 1 1.5\n"u8, ExpositionFormat.OpenMetrics);

        Assert.Equal("a unknown: a{} 1 @1.5", Text(Assert.Single(page.Families)));
        Assert.True(page.IsTruncated);
        Assert.False(ExpositionPage.Read("a 1 1.5\n# EOF\n"u8).IsTruncated);
    }

    [Fact]
    public void A_native_histogram_is_shown_as_it_stands()
    {
        var sample = Assert.Single(Assert.Single(ExpositionPage.Read("# TYPE \"n h\" histogram\n{\"n h\",a=\"b\"} {count:1,sum:2,schema:0}\n"u8).Families).Samples);

        Assert.Equal(("n h", "{count:1,sum:2,schema:0}"), (sample.Name, sample.NativeHistogram));
        Assert.Equal([KeyValuePair.Create("a", "b")], sample.Labels);
    }

    private static string Text(ExpositionFamily family) => $"{family.Name} {family.Type}: " + string.Join("; ", family.Samples.Select(s =>
        $"{s.Name}{{{string.Join(',', s.Labels.Select(l => $"{l.Key}={l.Value}"))}}} {s.Value.ToString(CultureInfo.InvariantCulture)}"
        + (s.Timestamp is { } at ? $" @{at.ToString(CultureInfo.InvariantCulture)}" : "")));
}
