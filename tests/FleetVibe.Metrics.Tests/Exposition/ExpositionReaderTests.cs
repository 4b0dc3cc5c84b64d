using System.Globalization;
using System.Text;
using FleetVibe.Metrics.Exposition;

namespace FleetVibe.Metrics.Tests.Exposition;

public class ExpositionReaderTests
{
    [Fact]
    public void A_filtered_page_gives_only_the_families_asked_for()
    {
        const string Page = """
            # HELP vllm:num_requests_running Number of requests.
            # TYPE vllm:num_requests_running gauge
            vllm:num_requests_running{engine="0",model_name="m"} 3.0
            # TYPE process_cpu_seconds_total counter
            process_cpu_seconds_total 12.5 this is not even a line
            # TYPE vllm:e2e_request_latency_seconds histogram
            vllm:e2e_request_latency_seconds_bucket{le="0.3",model_name="m"} 1.0
            vllm:e2e_request_latency_seconds_bucket{le="+Inf",model_name="m"} 2.0
            vllm:e2e_request_latency_seconds_count{model_name="m"} 2.0
            vllm:e2e_request_latency_seconds_sum{model_name="m"} 1.25
            vllm:e2e_request_latency_seconds_created{model_name="m"} 1.7e+09

            vllm:request_success_total{finished_reason="stop",model_name="m"} 2.0
            """;
        var filter = new FamilyFilter("vllm_num_requests_running", "vllm_e2e_request_latency_seconds", "vllm_request_success");

        Assert.Equal(
            [
                "0 Value 3",
                "1 Bucket 1 le 0.3",
                "1 Bucket 2 le Infinity",
                "1 Count 2",
                "1 Sum 1.25",
                "1 Created 1700000000",
                "2 Value 2",
            ],
            ReadAll(Page, filter));
    }

    [Theory]
    [InlineData("vllm:prompt_tokens_total", "vllm_prompt_tokens")]
    [InlineData("vllm_prompt_tokens_total", "vllm:prompt_tokens_total")]
    [InlineData("ray_vllm:prompt_tokens_total", "vllm:prompt_tokens")]
    [InlineData("ray_vllm_prompt_tokens", "vllm_prompt_tokens_total")]
    [InlineData("tgi_request_count", "tgi_request_count")]
    public void A_family_is_found_under_each_of_its_names(string onTheWire, string askedFor)
    {
        Assert.Equal(["0 Value 1"], ReadAll($"{onTheWire} 1\n", new FamilyFilter(askedFor)));
    }

    [Fact]
    public void A_final_total_does_not_hide_a_histogram()
    {
        const string Page = "vllm:iteration_tokens_total_bucket{le=\"1\"} 4\nvllm:iteration_tokens_total_sum 9\nvllm:iteration_tokens_total_count 5\n";

        Assert.Equal(["0 Bucket 4 le 1", "0 Sum 9", "0 Count 5"], ReadAll(Page, new FamilyFilter("vllm_iteration_tokens_total")));
    }

    [Fact]
    public void A_name_asked_for_wins_over_a_part_of_another()
    {
        Assert.Equal(["1 Value 4", "0 Sum 9"], ReadAll("x_count 4\nx_sum 9\nx_bucket_total 3\n", new FamilyFilter("x", "x_count")));
    }

    [Fact]
    public void A_family_asked_for_under_two_numbers_is_an_error()
    {
        Assert.Throws<ArgumentException>(() => new FamilyFilter("vllm:x_total", "ray_vllm_x"));
        Assert.Throws<ArgumentException>(() => new FamilyFilter("_total"));
        var shared = new FamilyFilter([KeyValuePair.Create("gpu_cache_usage_perc", 7), KeyValuePair.Create("kv_cache_usage_perc", 7), KeyValuePair.Create("kv_cache_usage_perc", 7)]);
        Assert.Equal(7, shared.Find("kv_cache_usage_perc"u8, out _));
    }

    [Theory]
    [InlineData("x 1", "1")]
    [InlineData("x 1.5e3", "1500")]
    [InlineData("x 1.15e+011", "115000000000")]
    [InlineData("x -0.25", "-0.25")]
    [InlineData("x +3", "3")]
    [InlineData("x .5", "0.5")]
    [InlineData("x 5.", "5")]
    [InlineData("x +Inf", "Infinity")]
    [InlineData("x Inf", "Infinity")]
    [InlineData("x -inf", "-Infinity")]
    [InlineData("x infinity", "Infinity")]
    [InlineData("x NaN", "NaN")]
    [InlineData("x -nan", "NaN")]
    [InlineData("x -nan(ind)", "NaN")]
    [InlineData("x 123456789012345", "123456789012345")]
    [InlineData("x 12345678901234567890", "1.2345678901234567E+19")]
    [InlineData("  x \t 7 \t ", "7")]
    [InlineData("x\t7", "7")]
    [InlineData("x{} 7", "7")]
    [InlineData("x{,} 7", "7")]
    [InlineData("x{ , } 7", "7")]
    [InlineData("x {a=\"b\"} 7", "7")]
    [InlineData("x{a=\"b\"}7", "7")]
    [InlineData("x{a=\"b\",} 7", "7")]
    [InlineData("x{ a = \"b\" , c=\"d\" } 7", "7")]
    [InlineData("x{a=\"}{#,\\\"\\\\\"} 7", "7")]
    [InlineData("x 7 1e300", "7")]
    [InlineData("x 7 # {} 1", "7")]
    [InlineData("x 7 # {trace_id=\"a\"} 0.67 1700000000", "7")]
    [InlineData("x 7 1700000000000 # {trace_id=\"a\"} 0.67", "7")]
    [InlineData("x{,a=\"b\"} 7", "7")]
    [InlineData("x{a=\"b\" c=\"d\"} 7", "7")]
    [InlineData("{\"x\"} 7", "7")]
    [InlineData("{a=\"b\",\"x\"} 7", "7")]
    [InlineData("x{a=\"b\"} {count:24,sum:100,schema:0} 5", "NaN")]
    [InlineData("x {count:24,sum:100,schema:0}", "NaN")]
    [InlineData("{\"x\",\"label.y\"=\"b\"} 7", "7")]
    public void A_sample_is_read(string line, string value)
    {
        var reader = Reader(line, new FamilyFilter("x"));

        Assert.True(reader.Read());
        Assert.Equal(value, reader.Value.ToString(CultureInfo.InvariantCulture));
        Assert.False(reader.Read());
        Assert.Equal(0, reader.SkippedLines);
        Assert.Equal(1, reader.Samples);
    }

    [Theory]
    [InlineData("x", "missing value")]
    [InlineData("x{a=\"b\"}", "missing value")]
    [InlineData("x abc", "invalid value")]
    [InlineData("x 1_000", "invalid value")]
    [InlineData("x 0x10", "invalid value")]
    [InlineData("x # 7", "invalid value")]
    [InlineData("x 7 abc", "invalid timestamp")]
    [InlineData("x 7 Inf", "invalid timestamp")]
    [InlineData("x 7 1 2", "text after the sample")]
    [InlineData("x{a=b} 7", "bad labels")]
    [InlineData("x{a=\"b} 7", "bad labels")]
    [InlineData("x{a=\"b\" 7", "bad labels")]
    [InlineData("x{a=\"b\",,c=\"d\"} 7", "bad labels")]
    [InlineData("x{,,} 7", "bad labels")]
    [InlineData("x{=\"b\"} 7", "bad labels")]
    [InlineData("x{\"y\"} 7", "bad labels")]
    [InlineData("{\"x\",\"x\"} 7", "bad labels")]
    [InlineData("x 7\0", "invalid value")]
    [InlineData("x 7.5\0", "invalid value")]
    [InlineData("x {count:24", "invalid value")]
    [InlineData("x{a=\"b\\", "bad labels")]
    [InlineData("x{a", "bad labels")]
    [InlineData("<html>", "expected a metric name")]
    [InlineData("{} 7", "expected a metric name")]
    [InlineData("{\"\"} 7", "expected a metric name")]
    [InlineData("{", "expected a metric name")]
    [InlineData("x;y 7", "expected a metric name")]
    [InlineData("x_bucket 7", "bucket without le")]
    [InlineData("x_bucket{le=\"foo\"} 7", "invalid le")]
    [InlineData("x_bucket{le=\"NaN\"} 7", "invalid le")]
    public void A_bad_line_costs_itself_and_is_named(string line, string reason)
    {
        var reader = Reader($"x 1\n{line}\nx 2\n", new FamilyFilter("x"));

        Assert.True(reader.Read());
        Assert.True(reader.Read());
        Assert.Equal(2, reader.Value);
        Assert.False(reader.Read());
        Assert.Equal(1, reader.SkippedLines);
        var skipped = Assert.Single(reader.FirstSkipped);
        Assert.Equal((2, reason), (skipped.Line, skipped.Reason));
        Assert.InRange(skipped.Column, 1, line.Length + 1);
    }

    [Fact]
    public void Only_the_first_few_bad_lines_are_kept()
    {
        var reader = Reader(string.Concat(Enumerable.Repeat("x\n", 100)), new FamilyFilter("x"));

        Assert.False(reader.Read());
        Assert.Equal(100, reader.SkippedLines);
        Assert.Equal([1, 2, 3, 4, 5], reader.FirstSkipped.Select(s => s.Line));
    }

    [Theory]
    [InlineData("\r\n")]
    [InlineData("\n")]
    public void Byte_order_mark_line_ends_and_a_missing_final_newline_do_not_matter(string newline) =>
        Assert.Equal(["0 Value 1", "0 Value 2"], ReadAll($"\ufeffx 1{newline}{newline}x 2", new FamilyFilter("x")));

    [Fact]
    public void Labels_are_given_raw_and_unescaped()
    {
        var reader = Reader("x{le=\"1\",path=\"C:\\\\a\\n\\\"b\\\"\\q\",\"läbel.x\"=\"ü\"} 1", new FamilyFilter("x"));

        Assert.True(reader.Read());
        Assert.Equal("C:\\a\n\"b\"\\q", reader.GetLabel("path"u8));
        Assert.Equal("ü", reader.GetLabel("läbel.x"u8));
        Assert.Null(reader.GetLabel("nope"u8));
        Assert.Equal("le=\"1\",path=\"C:\\\\a\\n\\\"b\\\"\\q\",\"läbel.x\"=\"ü\"", Encoding.UTF8.GetString(reader.Labels));
    }

    [Fact]
    public void Labels_of_one_sample_do_not_leak_into_the_next()
    {
        var reader = Reader("x{a=\"b\"} 1 5\nx 2\n", new FamilyFilter("x"));

        Assert.True(reader.Read());
        Assert.Equal(5, reader.TimestampMs);
        Assert.True(reader.Read());
        Assert.Null(reader.GetLabel("a"u8));
        Assert.Null(reader.TimestampMs);
        Assert.True(reader.Labels.IsEmpty);
    }

    [Fact]
    public void A_summary_gives_its_quantiles() =>
        Assert.Equal(
            ["0 Quantile 3 le 0.99", "0 Sum 9", "0 Count 5", "0 Value 1"],
            ReadAll("x{quantile=\"0.99\"} 3\nx_sum 9\nx_count 5\nx{quantile=\"p99\"} 1\n", new FamilyFilter("x")));

    [Fact]
    public void Timestamps_are_milliseconds_in_text_and_seconds_in_OpenMetrics()
    {
        var text = Reader("x 1 1700000000123\n", null);
        Assert.True(text.Read());
        Assert.Equal(1_700_000_000_123, text.TimestampMs);
        Assert.Equal(ExpositionFormat.Text, text.Format);

        var open = Reader("x 1 1700000000.123\n# EOF\n", null);
        Assert.True(open.Read());
        Assert.Equal(1_700_000_000_123, open.TimestampMs);
        Assert.False(open.Read());
        Assert.Equal(ExpositionFormat.OpenMetrics, open.Format);
        Assert.False(open.IsTruncated);
    }

    [Theory]
    [InlineData("x 1\n", true)]
    [InlineData("x 1\n# EOF", false)]
    [InlineData("x 1\n# EOF\n\n", false)]
    [InlineData("x 1\n# EOF\nx 2\n", true)]
    [InlineData("x 1\n# EO", true)]
    public void An_OpenMetrics_body_without_its_end_is_truncated(string body, bool truncated)
    {
        var reader = new ExpositionReader(Encoding.UTF8.GetBytes(body), null, ExpositionFormat.OpenMetrics);
        while (reader.Read())
        {
        }

        Assert.Equal(truncated, reader.IsTruncated);
    }

    [Fact]
    public void Without_a_filter_every_family_is_read()
    {
        Assert.Equal(
            ["-1 Bucket 1 le 0.5", "-1 Value 1", "-1 Quantile 2 le 0.5", "-1 Value 3"],
            ReadAll("a_bucket{le=\"0.5\"} 1\na_count 1\nb{quantile=\"0.5\"} 2\nc_bucket 3\n", null));
    }

    [Fact]
    public void A_body_quoted_as_JSON_is_unquoted()
    {
        var quoted = Encoding.UTF8.GetBytes("\"# HELP x y\\nx{a=\\\"b\\\"} 1\\n\"");

        Assert.Equal("# HELP x y\nx{a=\"b\"} 1\n", Encoding.UTF8.GetString(ExpositionBody.Unquote(quoted).Span));
        Assert.Equal("\"x", Encoding.UTF8.GetString(ExpositionBody.Unquote("\"x"u8.ToArray()).Span));
        Assert.Equal("x 1", Encoding.UTF8.GetString(ExpositionBody.Unquote("x 1"u8.ToArray()).Span));
    }

    private static ExpositionReader Reader(string body, FamilyFilter? filter) => new(Encoding.UTF8.GetBytes(body), filter);

    private static List<string> ReadAll(string body, FamilyFilter? filter)
    {
        var reader = Reader(body, filter);
        var samples = new List<string>();
        while (reader.Read())
        {
            var bound = reader.Part is SamplePart.Bucket or SamplePart.Quantile ? $" le {reader.UpperBound.ToString(CultureInfo.InvariantCulture)}" : "";
            samples.Add($"{reader.FamilyId} {reader.Part} {reader.Value.ToString(CultureInfo.InvariantCulture)}{bound}");
        }

        Assert.Equal(0, reader.SkippedLines);
        return samples;
    }
}
