using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Points;
using FleetVibe.Agent.Sources;
using FleetVibe.Metrics.Windows;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Points;

public sealed class TokenEnergyTests
{
    private static readonly JsonLogSourceSettings First = RequestLog with { Gpus = ["0"] };
    private static readonly JsonLogSourceSettings Second = RequestLog with { Name = "second", Model = "n" };

    [Fact]
    public void It_is_the_energy_of_the_sources_gpus_by_the_tokens_that_were_counted_on_them() =>
        Assert.Equal(300 * 10 / 40d, Joules([First], [("GPU-0", 0, 300), ("GPU-1", 1, 100)], (First, 40)));

    [Fact]
    public void A_source_that_names_no_gpu_has_all() =>
        Assert.Equal(400 * 10 / 40d, Joules([First with { Gpus = [] }], [("GPU-0", 0, 300), ("GPU-1", 1, 100)], (First, 40)));

    [Fact]
    public void Models_on_the_same_gpus_share_the_energy_by_their_tokens() =>
        Assert.Equal(300 * 10 / 60d, Joules([First, Second with { Gpus = ["GPU-0"] }], [("GPU-0", 0, 300), ("GPU-1", 1, 100)], (First, 40), (Second, 20)));

    [Fact]
    public void Where_gpus_are_shared_in_part_there_is_none() =>
        Assert.Null(Joules([First, Second with { Gpus = ["0", "1"] }], [("GPU-0", 0, 300), ("GPU-1", 1, 100)], (First, 40), (Second, 20)));

    [Fact]
    public void An_instance_is_not_counted_beside_its_board() =>
        Assert.Equal(300 * 10 / 40d, Joules([First], [("GPU-0", 0, 300), ("MIG-GPU-0/1/0", 0, null)], (First, 40)));

    [Fact]
    public void Without_tokens_without_a_gpu_or_without_its_power_there_is_none()
    {
        Assert.Null(Joules([First], [("GPU-0", 0, 300)], (First, 0)));
        Assert.Null(Joules([First], [("GPU-0", 0, null)], (First, 40)));
        Assert.Null(Joules([First], [("GPU-1", 1, 300)], (First, 40)));
    }

    private static double? Joules(SourceSettings[] sources, (string Gpu, int Index, double? Power)[] gpus, params (SourceSettings Source, long Tokens)[] counted)
    {
        var part = new WindowPart(Start);
        foreach (var (source, tokens) in counted)
        {
            var share = new SeriesShare(counts: true, givesTtft: true, SourceRank.Requests) { SuppliesRequests = true };
            share.Totals.Requests = 1;
            share.Totals.OutputTokens = tokens;
            part.Series.Add(new ShareKey(source.Key, new SeriesId(source.Model!, "chat")), share);
        }

        foreach (var (gpu, index, power) in gpus)
        {
            var sample = new GpuSample(gpu, index, "A", At(1)) { PowerW = power };
            var stored = GpuFolding.Begin(Gpus.Key, sample);
            GpuFolding.Add(stored, sample);
            part.Gpus.Add((Gpus.Key, gpu), stored);
        }

        return new NodePoints(Settings([.. sources, Gpus]), new NodeFacts()).Of(part, part, null)
            .Single(point => point.Measurement == "vibe_model" && point.Tags.Any(tag => tag.Key == "model" && tag.Value == counted[0].Source.Model))
            .Fields.SingleOrDefault(field => field.Key == "joules_per_output_token")?.Float;
    }
}
