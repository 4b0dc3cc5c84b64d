using CsCheck;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Protocol.Tests.Cluster;

public class NamesTests
{
    private const string Awkward = "/%\u00fca2F";
    private static readonly Gen<string> Name = Gen.OneOf(Gen.String[Gen.Char[' ', '~'], 0, 12], Gen.String[Gen.Int[0, Awkward.Length - 1].Select(i => Awkward[i]), 0, 8]);

    [Fact]
    public void A_series_id_leads_back_to_its_series() => Gen.Select(Name, Name, Name).Sample((model, task, variant) =>
    {
        var series = new SeriesKey { Model = model, Task = task, Variant = variant };
        Assert.Equal(series, SeriesEntityId.Parse(SeriesEntityId.Of(series)));
    });

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("a/b/c/d")]
    public void What_is_no_series_id_is_an_error(string id) => Assert.Throws<FormatException>(() => SeriesEntityId.Parse(id));

    [Theory]
    [InlineData("gpu-node-01", 16)]
    [InlineData("", 21)]
    public void A_shard_is_the_same_in_every_release(string id, int shard) => Assert.Equal(shard, ClusterNames.ShardOf(id));

    [Fact]
    public void Entities_spread_over_all_shards() =>
        Assert.Equal(ClusterNames.Shards, Enumerable.Range(0, 1000).Select(i => ClusterNames.ShardOf($"gpu-node-{i}")).Distinct().Count());

    [Fact]
    public void A_record_key_leads_back_to_its_record() => Gen.Select(Name, Gen.Guid, Gen.ULong).Sample((node, instance, seq) =>
    {
        var key = new RecordKey(node, instance, seq);
        Assert.Equal(key, RecordKey.FromWire(key.ToWire()));
        Assert.Equal(RecordKey.InstanceLength, key.ToWire().Instance.Length);
    });

    [Fact]
    public void An_instance_of_another_length_is_an_error() =>
        Assert.Throws<InvalidDataException>(() => RecordKey.FromWire(new RecordId { Node = "a", Seq = 1 }));
}
