using FleetVibe.Agent.Sources.NvidiaSmi;

namespace FleetVibe.Agent.Tests.Sources.NvidiaSmi;

public sealed class GpuQueryTests
{
    [Fact]
    public void The_command_asks_for_all_fields_in_a_loop()
    {
        var arguments = GpuQuery.Full.Arguments(TimeSpan.FromSeconds(1.5));
        Assert.StartsWith("--query-gpu=index,uuid,utilization.gpu,", arguments[0], StringComparison.Ordinal);
        Assert.EndsWith(",name", arguments[0], StringComparison.Ordinal);
        Assert.Equal(["--format=csv,nounits", "--loop-ms=1500"], arguments.Skip(1));
    }

    [Fact]
    public void A_refused_field_is_dropped_and_the_rest_kept()
    {
        var query = GpuQuery.Full.WithoutRefused("""Field "power.draw" is not a valid field to query.""")!;
        Assert.Equal(GpuQuery.Full.Fields.Where(field => field != "power.draw"), query.Fields);
        Assert.Null(query.WithoutRefused("""Field "power.draw" is not a valid field to query."""));
    }

    [Fact]
    public void Event_reasons_fall_back_to_throttle_reasons_and_then_to_none()
    {
        var older = GpuQuery.Full.WithoutRefused("""Field "clocks_event_reasons.active" is not a valid field to query.""")!;
        Assert.Contains("clocks_throttle_reasons.active", older.Fields);
        Assert.DoesNotContain("clocks_event_reasons.active", older.Fields);
        var none = older.WithoutRefused("""Field "clocks_throttle_reasons.active" is not a valid field to query.""")!;
        Assert.DoesNotContain("clocks_throttle_reasons.active", none.Fields);
    }

    [Theory]
    [InlineData("""Field "uuid" is not a valid field to query.""")]
    [InlineData("No devices were found")]
    public void Without_an_identity_there_is_nothing_to_fall_back_to(string line) => Assert.Null(GpuQuery.Full.WithoutRefused(line));

    [Theory]
    [InlineData(9, "NVIDIA-SMI has failed.", "smi found no loaded NVIDIA driver; load or install it (exit code 9): NVIDIA-SMI has failed.")]
    [InlineData(15, "", "smi lost a GPU: it fell off the bus; restart the machine (exit code 15)")]
    [InlineData(137, "", "smi was killed by signal 9 (exit code 137)")]
    [InlineData(255, "Failed to initialize NVML:\tUnknown Error", "smi failed (exit code 255): Failed to initialize NVML: Unknown Error")]
    public void A_failure_names_what_happened_and_the_cure(int code, string said, string text) =>
        Assert.Equal(text, NvidiaSmiFailure.Describe("smi", code, said));
}
