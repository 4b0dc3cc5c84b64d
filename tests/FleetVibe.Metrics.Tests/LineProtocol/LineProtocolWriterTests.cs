using System.Buffers;
using System.Text;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Metrics.Tests.LineProtocol;

public class LineProtocolWriterTests
{
    private readonly ArrayBufferWriter<byte> _output = new();
    private readonly LineProtocolWriter _writer;

    public LineProtocolWriterTests() => _writer = new LineProtocolWriter(_output);

    private string Written => Encoding.UTF8.GetString(_output.WrittenSpan);

    [Fact]
    public void A_point_is_one_line_with_sorted_tags_typed_fields_and_a_nanosecond_timestamp()
    {
        _writer.BeginPoint("vibe_model");
        _writer.Tag("model", "WeiboAI/VibeThinker-1.5B:Q4_K_M");
        _writer.Tag("host", "gpu-1");
        _writer.Field("requests", 12);
        _writer.Field("response_time_ms", 1.5);
        _writer.Field("final", true);
        _writer.Field("precision", "exact");

        Assert.True(_writer.EndPoint(1_764_000_000_000_000_000));
        Assert.Equal(
            "vibe_model,host=gpu-1,model=WeiboAI/VibeThinker-1.5B:Q4_K_M requests=12i,response_time_ms=1.5,final=true,precision=\"exact\" 1764000000000000000\n",
            Written);
        Assert.Equal(1, _writer.Points);
    }

    [Fact]
    public void Tags_are_sorted_by_the_bytes_of_their_keys()
    {
        // U+1F600 comes before U+FFFD in UTF-16, after it in UTF-8.
        WriteTags(("b", "1"), ("\U0001F600", "4"), ("B", "0"), ("\uFFFD", "3"), ("a", "x"), ("aa", "y"));

        Assert.Equal("m,B=0,a=x,aa=y,b=1,\uFFFD=3,\U0001F600=4 v=1i 0\n", Written);
    }

    [Fact]
    public void Of_a_tag_key_given_twice_the_last_value_stands()
    {
        WriteTags(("host", "a"), ("b", "1"), ("host", "c"));

        Assert.Equal("m,b=1,host=c v=1i 0\n", Written);
    }

    [Fact]
    public void Keys_that_become_equal_by_cleaning_are_one_key()
    {
        WriteTags(("a\u0001", "1"), ("a\\", "2"), ("a_", "3"), ("a", "4"));

        Assert.Equal("m,a=4,a_=3 v=1i 0\n", Written);
    }

    [Theory]
    [InlineData("a b", "a\\ b")]
    [InlineData("a,b=c", "a\\,b\\=c")]
    [InlineData("a\nb", "a\\ b")]
    [InlineData("a\r\nb", "a\\ \\ b")]
    [InlineData("a\tb\0c\u007f", "a_b_c_")]
    [InlineData("C:\\Users\\bob", "C:\\Users\\bob")]
    [InlineData("C:\\\\", "C:")]
    [InlineData("a\\ b", "a\\\\ b")]
    [InlineData("say \\\"hi\"", "say\\ _\"hi\"")]
    [InlineData("+Inf", "+Inf")]
    [InlineData("é\u4e16", "é\u4e16")]
    public void A_tag_value_is_made_fit(string value, string expected)
    {
        WriteTags(("k", value));

        Assert.Equal($"m,k={expected} v=1i 0\n", Written);
    }

    [Fact]
    public void A_lone_surrogate_becomes_the_replacement_character()
    {
        WriteTags(("k", "x" + '\ud800' + "y"));

        Assert.Equal("m,k=x\ufffdy v=1i 0\n", Written);
    }

    [Theory]
    [InlineData("", "v")]
    [InlineData("k", "")]
    [InlineData("\\", "v")]
    [InlineData("k", "\\\\\\")]
    public void An_empty_tag_is_left_out(string key, string value)
    {
        WriteTags((key, value));

        Assert.Equal("m v=1i 0\n", Written);
    }

    [Theory]
    [InlineData("#gpu", "_#gpu")]
    [InlineData("gpu util,x=y", "gpu\\ util\\,x=y")]
    [InlineData("cpu\\", "cpu")]
    [InlineData("a\\ b", "a_\\ b")]
    [InlineData("a\nb", "a\\ b")]
    public void A_measurement_is_made_fit(string measurement, string expected)
    {
        _writer.BeginPoint(measurement);
        _writer.Field("v", 1);
        Assert.True(_writer.EndPoint(0));

        Assert.Equal($"{expected} v=1i 0\n", Written);
    }

    [Theory]
    [InlineData("a=b", "a\\=b")]
    [InlineData("a\\", "a")]
    [InlineData("a\\=b", "a_\\=b")]
    [InlineData("0.99", "0.99")]
    public void A_field_key_is_made_fit(string key, string expected)
    {
        _writer.BeginPoint("m");
        _writer.Field(key, 1);
        Assert.True(_writer.EndPoint(0));

        Assert.Equal($"m {expected}=1i 0\n", Written);
    }

    [Theory]
    [InlineData("", "\"\"")]
    [InlineData("C:\\n\"x\"", "\"C:\\\\n\\\"x\\\"\"")]
    [InlineData("a\nb", "\"a b\"")]
    [InlineData("a\tb", "\"a_b\"")]
    [InlineData("a,b =c", "\"a,b =c\"")]
    [InlineData("end\\", "\"end\\\\\"")]
    public void A_string_escapes_only_backslash_and_quote(string value, string expected)
    {
        _writer.BeginPoint("m");
        _writer.Field("v", value);
        Assert.True(_writer.EndPoint(0));

        Assert.Equal($"m v={expected} 0\n", Written);
    }

    [Theory]
    [InlineData(1d, "1")]
    [InlineData(-0d, "-0")]
    [InlineData(1e17, "1E+17")]
    [InlineData(0.1 + 0.2, "0.30000000000000004")]
    [InlineData(double.MaxValue, "1.7976931348623157E+308")]
    [InlineData(double.Epsilon, "5E-324")]
    public void A_float_is_its_shortest_exact_form_in_any_culture(double value, string expected)
    {
        _writer.BeginPoint("m");
        _writer.Field("v", value);
        Assert.True(_writer.EndPoint(0));

        Assert.Equal($"m v={expected} 0\n", Written);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void A_field_that_is_no_number_is_skipped_and_counted(double value)
    {
        _writer.BeginPoint("m");
        _writer.Field("a", 1);
        _writer.Field("v", value);
        _writer.Field("b", false);
        Assert.True(_writer.EndPoint(-1));

        Assert.Equal("m a=1i,b=false -1\n", Written);
        Assert.Equal(1, _writer.SkippedFields);
    }

    [Fact]
    public void A_point_without_fields_is_not_written_and_leaves_nothing_behind()
    {
        _writer.BeginPoint("m");
        _writer.Tag("host", "a");
        _writer.Field("v", double.NaN);
        _writer.Field("\\", 1);
        Assert.False(_writer.EndPoint(1));
        Assert.Equal("", Written);
        Assert.Equal(2, _writer.SkippedFields);

        _writer.BeginPoint("n");
        _writer.Field("v", 2);
        Assert.True(_writer.EndPoint(2));
        Assert.Equal("n v=2i 2\n", Written);
        Assert.Equal(1, _writer.Points);
    }

    [Fact]
    public void A_half_written_point_is_withdrawn_by_the_next()
    {
        _writer.BeginPoint("half");
        _writer.Tag("host", "a");
        _writer.Field("v", 1);
        _writer.BeginPoint("whole");
        _writer.Field("v", long.MinValue);
        Assert.True(_writer.EndPoint(long.MaxValue));

        Assert.Equal("whole v=-9223372036854775808i 9223372036854775807\n", Written);
    }

    [Fact]
    public void Without_a_begun_point_nothing_is_written()
    {
        _writer.Field("v", 1);
        Assert.False(_writer.EndPoint(0));
        _writer.BeginPoint("\\");
        _writer.Field("v", 1);
        Assert.False(_writer.EndPoint(0));

        Assert.Equal("", Written);
    }

    [Fact]
    public void Many_tags_and_fields_fit()
    {
        _writer.BeginPoint("m");
        for (var i = 99; i >= 0; i--)
        {
            _writer.Tag($"t{i:00}", new string(' ', 50));
            _writer.Field($"f{i:00}", new string('"', 50));
        }

        Assert.True(_writer.EndPoint(0));
        Assert.StartsWith("m,t00=\\ \\ ", Written, StringComparison.Ordinal);
        Assert.Equal(100 * 50 * 2 * 2 + 100 * (5 + 7) + 4, Written.Length);
    }

    private void WriteTags(params (string Key, string Value)[] tags)
    {
        _writer.BeginPoint("m");
        foreach (var (key, value) in tags)
        {
            _writer.Tag(key, value);
        }

        _writer.Field("v", 1);
        Assert.True(_writer.EndPoint(0));
    }
}
