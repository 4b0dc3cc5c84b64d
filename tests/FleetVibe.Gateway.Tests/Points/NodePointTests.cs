using FleetVibe.Gateway.Tests.Store;

namespace FleetVibe.Gateway.Tests.Points;

public sealed class NodePointTests
{
    [Fact]
    public void A_point_goes_out_as_the_node_wrote_it()
    {
        var line = NodePoint.Render(TestLog.NodePoint(12.5), "gpu-1", integerCompat: false, out var fault);
        Assert.Null(fault);
        Assert.Equal("vibe_model,host=gpu-1,model=m response_time_ms=12.5,requests=3i 1700000010000000000", line!.Line);
        Assert.Equal(("vibe_model,host=gpu-1,model=m 1700000010000000000", 1_700_000_010), (line.Key, line.WindowStart));
    }

    [Fact]
    public void Integer_compat_rounds_the_two_fields_of_an_existing_database_and_no_other()
    {
        var point = TestLog.NodePoint(12.5);
        point.Fields.Add(new Field { Key = "gpu_util_percent", Float = 49.4 });
        point.Fields.Add(new Field { Key = "kv_cache_percent", Float = 0.5 });
        Assert.Equal(
            "vibe_model,host=gpu-1,model=m response_time_ms=13i,requests=3i,gpu_util_percent=49i,kv_cache_percent=0.5 1700000010000000000",
            NodePoint.Render(point, "gpu-1", integerCompat: true, out _)!.Line);

        point.Measurement = "vibe_gpu";
        Assert.Contains("gpu_util_percent=49.4", NodePoint.Render(point, "gpu-1", integerCompat: true, out _)!.Line, StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_of_a_node_goes_out_at_its_own_moment()
    {
        var point = new Point
        {
            Measurement = "vibe_event",
            TimestampNs = 1_700_000_012_345_678_900,
            Tags = { new Tag { Key = "host", Value = "gpu-1" }, new Tag { Key = "kind", Value = "spool_lost" } },
            Fields = { new Field { Key = "text", Text = "the spool was set aside" }, new Field { Key = "severity", Text = "error" } },
        };
        var line = NodePoint.Render(point, "gpu-1", integerCompat: false, out var fault);
        Assert.Null(fault);
        Assert.Equal("vibe_event,host=gpu-1,kind=spool_lost text=\"the spool was set aside\",severity=\"error\" 1700000012345678900", line!.Line);
    }

    [Theory]
    [InlineData("vibe_fleet")]
    [InlineData("vibe_fleet_health")]
    [InlineData("cpu")]
    public void A_node_cannot_write_what_is_not_its_own(string measurement)
    {
        var point = TestLog.NodePoint();
        point.Measurement = measurement;
        Assert.Null(NodePoint.Render(point, "gpu-1", integerCompat: false, out var fault));
        Assert.NotNull(fault);
    }

    [Fact]
    public void A_node_cannot_write_under_the_name_of_another()
    {
        Assert.Null(NodePoint.Render(TestLog.NodePoint(node: "gpu-2"), "gpu-1", integerCompat: false, out var fault));
        Assert.Contains("host", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_point_without_a_usable_field_or_time_is_refused()
    {
        var nothing = TestLog.NodePoint(double.NaN);
        nothing.Fields.RemoveAt(1);
        Assert.Null(NodePoint.Render(nothing, "gpu-1", integerCompat: true, out var fault));
        Assert.NotNull(fault);

        var timeless = TestLog.NodePoint();
        timeless.TimestampNs = 0;
        Assert.Null(NodePoint.Render(timeless, "gpu-1", integerCompat: false, out _));

        var twice = TestLog.NodePoint();
        twice.Fields.Add(new Field { Key = "requests", Integer = 4 });
        Assert.Null(NodePoint.Render(twice, "gpu-1", integerCompat: false, out _));
    }
}
