using System.Globalization;
using System.Text;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Metrics.Tests.LineProtocol;

public class LineProtocolReaderTests
{
    public static TheoryData<string> AgreedNames => new(LineProtocolCases.Agreed.Select(c => c.Name));

    public static TheoryData<string> DivergentNames => new(LineProtocolCases.Divergent.Select(c => c.Name));

    [Theory]
    [MemberData(nameof(AgreedNames))]
    public void A_line_is_read_as_both_parsers_read_it(string name) =>
        Check(LineProtocolCases.Agreed.Single(c => c.Name == name));

    [Theory]
    [MemberData(nameof(DivergentNames))]
    public void A_line_on_which_the_parsers_disagree_is_refused(string name) =>
        Check(LineProtocolCases.Divergent.Single(c => c.Name == name));

    [Theory]
    [InlineData("cpu,host=a\\xff value=1 1")]
    [InlineData("cpu,a\\xff=b value=1 1")]
    [InlineData("c\\xff value=1 1")]
    [InlineData("cpu v\\xff=1 1")]
    [InlineData("cpu value=\"a\\xff\" 1")]
    public void Invalid_UTF_8_is_refused(string line)
    {
        var body = Encoding.Latin1.GetBytes(line.Replace("\\xff", "\u00ff", StringComparison.Ordinal));

        Assert.Equal("invalid UTF-8", Assert.Single(LineProtocolReader.Read(body).Errors).Reason);
    }

    [Fact]
    public void A_bad_line_costs_itself_and_is_named_by_line_and_column()
    {
        var result = Read("cpu,host=a value1=1\ncpu,host=b value1=1,value2=+Inf,value3=3\r\ncpu,host=c value1=1");

        Assert.Equal(["a", "c"], result.Points.Select(p => p.Tags[0].Value));
        var error = Assert.Single(result.Errors);
        Assert.Equal((2, 28, "expected field"), (error.Line, error.Column, error.Reason));
        Assert.Equal("expected field at 2:28: \"cpu,host=b value1=1,value2=+Inf,value3=3\"", error.ToString());
    }

    [Fact]
    public void A_raw_newline_in_a_tag_ends_the_line_there()
    {
        var result = Read("cpu,host=a\nb value=1 1");

        Assert.Equal("expected tag", Assert.Single(result.Errors).Reason);
        Assert.Equal("b", Assert.Single(result.Points).Measurement);
    }

    [Fact]
    public void An_open_string_swallows_the_lines_up_to_the_next_quote()
    {
        var result = Read("a v=1\nb v=\"open\nc v=1\nd v=\"x\" 1\ne v=1\n");

        Assert.Equal(["a", "e"], result.Points.Select(p => p.Measurement));
        var error = Assert.Single(result.Errors);
        Assert.Equal((4, 6), (error.Line, error.Column));
        Assert.Equal("b v=\"open\nc v=1\nd v=\"x\" 1", error.Text);
    }

    [Fact]
    public void Points_know_their_line_and_bytes()
    {
        const string Body = "# c\n\r\n a v=\"1\n2\" 1\r\n\nb v=1 2";
        var body = Encoding.UTF8.GetBytes(Body);
        var result = LineProtocolReader.Read(body);

        Assert.Empty(result.Errors);
        Assert.Equal([(3, " a v=\"1\n2\" 1"), (6, "b v=1 2")], result.Points.Select(p => (p.LineNumber, Encoding.UTF8.GetString(body[p.Bytes]))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\r\n   \n")]
    [InlineData("  # comment\n#\n")]
    public void Blank_lines_and_comments_are_no_points(string body)
    {
        var result = Read(body);

        Assert.Empty(result.Points);
        Assert.Empty(result.Errors);
    }

    [Fact]
    public void Tags_are_sorted_by_their_bytes() =>
        Assert.Equal(
            "m|B=0,a=x,aa=y,b=1,\uD7FF=2,\uFFFD=3,\U0001F600=4|v=int:1|0",
            Describe(Assert.Single(Read("m,b=1,\U0001F600=4,B=0,\uFFFD=3,a=x,\uD7FF=2,aa=y v=1i 0").Points)));

    [Fact]
    public void The_quoted_text_is_cut()
    {
        var error = Assert.Single(Read("m v=" + new string('x', 5000)).Errors);

        Assert.Equal(1024, error.Text.Length);
        Assert.Equal(5004, error.Bytes.End.Value);
    }

    private static void Check((string Name, string Line, string Expected) @case)
    {
        var result = Read(@case.Line);
        if (@case.Expected.Contains('|', StringComparison.Ordinal))
        {
            Assert.Empty(result.Errors);
            Assert.Equal(@case.Expected, Describe(Assert.Single(result.Points)));
        }
        else if (@case.Expected.Length == 0)
        {
            Assert.Empty(result.Points);
            Assert.Empty(result.Errors);
        }
        else
        {
            Assert.Empty(result.Points);
            Assert.Equal(@case.Expected, Assert.Single(result.Errors).Reason);
        }
    }

    private static LineProtocolResult Read(string body) => LineProtocolReader.Read(Encoding.UTF8.GetBytes(body));

    private static string Describe(ParsedPoint point)
    {
        var tags = string.Join(',', point.Tags.Select(t => $"{t.Key}={t.Value}"));
        var fields = string.Join(',', point.Fields.Select(f => $"{f.Key}={DescribeValue(f.Value)}"));
        return string.Create(CultureInfo.InvariantCulture, $"{point.Measurement}|{tags}|{fields}|{point.TimestampNs}");
    }

    private static string DescribeValue(FieldValue value) => value.Kind switch
    {
        FieldKind.Float => string.Create(CultureInfo.InvariantCulture, $"float:{value.Float:R}"),
        FieldKind.Integer => string.Create(CultureInfo.InvariantCulture, $"int:{value.Integer}"),
        FieldKind.Unsigned => string.Create(CultureInfo.InvariantCulture, $"uint:{value.Unsigned}"),
        FieldKind.Boolean => value.Boolean ? "bool:true" : "bool:false",
        _ => $"string:{value.Text}",
    };
}
