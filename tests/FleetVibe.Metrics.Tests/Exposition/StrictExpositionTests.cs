using System.Text;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.Exposition.Strict;

namespace FleetVibe.Metrics.Tests.Exposition;

public class StrictExpositionTests
{
    [Theory]
    [InlineData("")]
    [InlineData("\n \t\n")]
    [InlineData("# just so\n#\n#EOF\n# UNIT up furlongs\n")]
    [InlineData("up 1\nup 1 1700000000000\nup{} +Inf\nup{,} NaN\n\tup { a = \"b\" , }2\n")]
    [InlineData("# HELP a x\n# TYPE a counter\na{v=\"\\q\\\\\\\"\\n\"} 1\n")]
    [InlineData("# HELP a\n# HELP a\na 1\n# HELP a late\n")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"0.1\"} 1\nd_sum 3\nd_count 4\n# TYPE q summary\nq{quantile=\"0.5\"} 1\nq_count 1\n")]
    [InlineData("# TYPE \"µ s\" gauge\n{\"µ s\",\"l b\"=\"c\"} 1\n{l=\"c\",\"µ s\"} 1\n")]
    [InlineData("up 1")]
    public void Text_that_keeps_the_rules_has_no_fault(string body) => Assert.Null(Fault(body, ExpositionFormat.Text));

    [Theory]
    [InlineData("up 1\nup\n", 2, "no value")]
    [InlineData("up one\n", 1, "invalid value")]
    [InlineData("up 0x10\n", 1, "invalid value")]
    [InlineData("up 1_0\n", 1, "invalid value")]
    [InlineData("up -nan(ind)\n", 1, "invalid value")]
    [InlineData("up 1 2.5\n", 1, "a timestamp that is no whole number of milliseconds")]
    [InlineData("up 1 2\0\n", 1, "a timestamp that is no whole number of milliseconds")]
    [InlineData("up 1 2 3\n", 1, "text behind the timestamp")]
    [InlineData("9up 1\n", 1, "invalid metric name \"9up\"")]
    [InlineData("{a=\"b\"} 1\n", 1, "no metric name")]
    [InlineData("{\"\"} 1\n", 1, "an empty metric name")]
    [InlineData("up{\"down\"} 1\n", 1, "two metric names")]
    [InlineData("{\"u\\p\"} 1\n", 1, "a name with an escape that is none of \\\\, \\\" and \\n")]
    [InlineData("up{a=\"1\",a=\"2\"} 1\n", 1, "label a twice")]
    [InlineData("up{a:b=\"1\"} 1\n", 1, "invalid label name \"a:b\"")]
    [InlineData("up{__name__=\"1\"} 1\n", 1, "the label name __name__ is reserved")]
    [InlineData("up{a=\"1\",,b=\"2\"} 1\n", 1, "two commas")]
    [InlineData("up{a=\"1\" b=\"2\"} 1\n", 1, "no comma or closing brace behind a label")]
    [InlineData("up{,a=\"1\"} 1\n", 1, "a comma before the first label")]
    [InlineData("up{a=\"1} 1\n", 1, "bad labels")]
    [InlineData("# HELP a x\n# HELP a x\n", 2, "a second HELP for a")]
    [InlineData("# TYPE a gauge\n# TYPE a gauge\n", 2, "a second TYPE for a")]
    [InlineData("a 1\n# TYPE a gauge\n", 2, "TYPE of a behind its samples")]
    [InlineData("# TYPE a-b gauge\n", 1, "invalid metric name \"a-b\" behind TYPE")]
    [InlineData("# TYPE a furlong\n", 1, "unknown type \"furlong\"")]
    [InlineData("# TYPE \"a gauge\n", 1, "a quoted name without its closing quote")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"tall\"} 1\n", 2, "le=\"tall\" is no number")]
    [InlineData("# TYPE d histogram\nd_bucket 1\n", 2, "a bucket without le")]
    [InlineData("# TYPE q summary\nq{quantile=\"most\"} 1\n", 2, "quantile=\"most\" is no number")]
    public void A_broken_rule_of_text_is_named_with_its_line(string body, int line, string reason) =>
        Assert.Equal(new ExpositionFault(line, reason), Fault(body, ExpositionFormat.Text));

    [Theory]
    [InlineData("")]
    [InlineData("# HELP a x \\q\n# TYPE a counter\na_total{} 1 1.5\na_created 1 1.5\n")]
    [InlineData("# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds NaN\n")]
    [InlineData("a 1\nb -1\n")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"1\"} 1 # {trace=\"x\"} 0.5 1.5\nd_bucket{le=\"+Inf\"} 2\nd_count 2\nd_sum 3\n")]
    [InlineData("# TYPE d histogram\nd_bucket{h=\"1\",le=\"+Inf\"} 2\nd_bucket{h=\"2\",le=\"+Inf\"} 1\n")]
    [InlineData("# TYPE d gaugehistogram\nd_bucket{le=\"-1\"} 1\nd_bucket{le=\"+Inf\"} 2\nd_gcount 2\nd_gsum -3\n")]
    [InlineData("# TYPE d histogram\nd{h=\"1\"} {count:1,sum:2,schema:0}\nd_bucket{h=\"1\",le=\"+Inf\"} 1\n")]
    [InlineData("# TYPE s stateset\ns{s=\"on\"} 1\ns{s=\"off\"} 0\n# TYPE i info\ni_info{v=\"1\"} 1\n")]
    [InlineData("# TYPE q summary\nq{quantile=\"1\"} 2\nq_count 1\nq_sum 2\n")]
    [InlineData("# TYPE \"a b\" gauge\n{\"a b\",\"c d\"=\"\0\"} 1\n")]
    public void OpenMetrics_that_keeps_the_rules_has_no_fault(string body)
    {
        Assert.Null(Fault(body + "# EOF\n", ExpositionFormat.OpenMetrics));
        Assert.Null(Fault(body + "# EOF", ExpositionFormat.OpenMetrics));
    }

    [Theory]
    [InlineData("\n", 1, "a blank line")]
    [InlineData("a  1\n", 1, "not one space and a value behind the name")]
    [InlineData("a\t1\n", 1, "not one space and a value behind the name")]
    [InlineData("a{b=\"c\"}1\n", 1, "not one space and a value behind the name")]
    [InlineData("a{b=\"c\",} 1\n", 1, "a comma behind the last label")]
    [InlineData("a 1 Inf\n", 1, "invalid timestamp")]
    [InlineData("a 1 \n", 1, "text behind the sample that is no exemplar")]
    [InlineData("# a comment\n", 1, "neither HELP, TYPE nor UNIT with a name and a text, one space between")]
    [InlineData("# TYPE a  gauge\n", 1, "unknown type \" gauge\"")]
    [InlineData("# TYPE a untyped\n", 1, "unknown type \"untyped\"")]
    [InlineData("# HELP a x\n# HELP a x\n", 2, "a second HELP for a")]
    [InlineData("# TYPE a gauge\n# TYPE a gauge\n", 2, "a second TYPE for a")]
    [InlineData("# UNIT a_s s\n# UNIT a_s s\n", 2, "a second UNIT for a_s")]
    [InlineData("# TYPE a gauge\na 1\n# HELP a x\n", 3, "metadata of a behind its samples")]
    [InlineData("# UNIT a s\na 1\nb 1\n", 3, "unit s is no suffix of a")]
    [InlineData("# TYPE a_s info\n# UNIT a_s s\nb 1\n", 3, "a_s: a info has no unit")]
    [InlineData("a 1\nb 1\na 1\nc 1\n", 4, "a clashes with a family before: a name is used once, and a family stands in one piece")]
    [InlineData("# TYPE a_total gauge\n# TYPE a counter\nc 1\n", 3, "a_total clashes with a family before: a name is used once, and a family stands in one piece")]
    [InlineData("# TYPE a gauge\na{b=\"1\"} 1\na{b=\"2\"} 1\na{b=\"1\"} 1\n", 4, "the samples of one metric do not stand together")]
    [InlineData("# TYPE a gauge\na 1 1\na 1\n", 3, "one metric with and without timestamps")]
    [InlineData("# TYPE a gauge\na 1 2\na 1 1\n", 3, "a timestamp before the one above")]
    [InlineData("# TYPE a counter\na_total -1\n", 2, "a count or sum below zero")]
    [InlineData("# TYPE a counter\na_total NaN\n", 2, "a count or sum that is NaN")]
    [InlineData("# TYPE a gauge\na 1 # {} 1\n", 2, "an exemplar on what is neither a bucket nor a counter")]
    [InlineData("# TYPE a counter\na_total 1 # {}\n", 2, "an exemplar without its value")]
    [InlineData("# TYPE a counter\na_total 1 # {} 1 \n", 2, "an exemplar with an invalid timestamp")]
    [InlineData("# TYPE a counter\na_total 1 # {b} 1\n", 2, "in the exemplar: bad labels")]
    [InlineData("# TYPE a counter\na_total 1 #{} 1\n", 2, "text behind the sample that is no exemplar")]
    [InlineData("# TYPE s stateset\ns 1\n", 2, "a stateset without its label s")]
    [InlineData("# TYPE s stateset\ns{s=\"on\"} 2\n", 2, "a stateset value that is neither 0 nor 1")]
    [InlineData("# TYPE i info\ni_info 2\n", 2, "an info value that is not 1")]
    [InlineData("# TYPE q summary\nq 1\n", 2, "a summary whose quantile is no number from 0 to 1")]
    [InlineData("# TYPE q summary\nq{quantile=\"1.1\"} 1\n", 2, "a summary whose quantile is no number from 0 to 1")]
    [InlineData("# TYPE q summary\nq{quantile=\"1\"} -1\n", 2, "a quantile below zero")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"Inf\"} 1\n", 2, "a bucket whose le is no number, or not +Inf as it must be written")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"+Inf\"} 1.5\n", 2, "a count that is no whole number")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"2\"} 1\nd_bucket{le=\"1\"} 1\n", 3, "buckets out of order")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"1\"} 2\nd_bucket{le=\"2\"} 1\n", 3, "a bucket with less than the one before")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"1\"} 2\nb 1\n", 3, "d: no +Inf bucket")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"+Inf\"} 2\nd_count 3\nd_sum 1\nb 1\n", 5, "d: the count is not that of the +Inf bucket")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"+Inf\"} 2\nd_sum 3\nb 1\n", 4, "d: a sum without a count")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"+Inf\"} 2\nd_count 2\nb 1\n", 4, "d: a count without a sum")]
    [InlineData("# TYPE d histogram\nd_bucket{le=\"-1\"} 2\nd_bucket{le=\"+Inf\"} 2\nd_count 2\nd_sum 1\nb 1\n", 6, "d: a sum although there are buckets below zero, so it may fall")]
    [InlineData("# TYPE d gaugehistogram\nd_bucket{le=\"+Inf\"} 2\nd_gcount 2\nd_gsum -1\nb 1\n", 5, "d: a sum below zero without buckets below zero")]
    [InlineData("a {count:1,sum:2,schema:0}\n", 1, "a native histogram outside of a histogram family")]
    public void A_broken_rule_of_OpenMetrics_is_named_with_its_line(string body, int line, string reason) =>
        Assert.Equal(new ExpositionFault(line, reason), Fault(body + "# EOF\n", ExpositionFormat.OpenMetrics));

    [Theory]
    [InlineData("", 1, "no # EOF at the end: the body was cut off")]
    [InlineData("a 1\n", 1, "no # EOF at the end: the body was cut off")]
    [InlineData("a 1\n# EOF\na 1\n", 3, "a line after # EOF")]
    [InlineData("a 1\n# EOF\n\n", 3, "a line after # EOF")]
    public void OpenMetrics_ends_where_it_says(string body, int line, string reason) =>
        Assert.Equal(new ExpositionFault(line, reason), Fault(body, ExpositionFormat.OpenMetrics));

    [Theory]
    [InlineData(128, true)]
    [InlineData(129, false)]
    public void Labels_of_an_exemplar_have_a_limit_in_characters(int characters, bool good)
    {
        var fault = Fault($"# TYPE a counter\na_total 1 # {{t=\"{string.Concat(Enumerable.Repeat("🦀", characters - 1))}\"}} 1\n# EOF\n", ExpositionFormat.OpenMetrics);

        Assert.Equal(good ? null : "an exemplar with more than 128 characters of labels", fault?.Reason);
    }

    [Theory]
    [InlineData(ExpositionFormat.Text)]
    [InlineData(ExpositionFormat.OpenMetrics)]
    public void What_is_no_UTF_8_is_a_fault(ExpositionFormat format) =>
        Assert.Equal("invalid UTF-8", StrictExposition.FirstFault([.. "a{b=\""u8, 0xff, .. "\"} 1\n# EOF\n"u8], format)?.Reason);

    private static ExpositionFault? Fault(string body, ExpositionFormat format) => StrictExposition.FirstFault(Encoding.UTF8.GetBytes(body), format);
}
