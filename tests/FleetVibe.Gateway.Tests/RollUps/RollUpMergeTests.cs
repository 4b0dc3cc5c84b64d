using CsCheck;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using Google.Protobuf;

namespace FleetVibe.Gateway.Tests.RollUps;

public sealed class RollUpMergeTests
{
    [Fact]
    public void Counts_add_up_and_hosts_are_counted_once()
    {
        var merged = RollUpMerge.Of(
            [Part(0, ["a", "b"], ["a", "b", "c"], backfilled: 2), Part(1, ["b", "c"], ["d"], backfilled: 3)],
            complete: false, CommittedWindow.None, out var totals);

        Assert.Equal(["a", "b", "c"], merged.Hosts);
        Assert.Equal(["a", "b", "c", "d"], merged.ExpectedHosts);
        Assert.Equal((1, 5UL, false), (merged.Revision, merged.Backfilled, merged.Final));
        Assert.Equal(Contribution(0).Requests + Contribution(1).Requests, totals.Requests);
        Assert.Equal(TotalsMapper.ToWire(totals), merged.Totals);
    }

    [Theory]
    [InlineData(true, true, true, false, true)]
    [InlineData(true, true, false, false, false)]
    [InlineData(false, true, true, false, false)]
    [InlineData(true, false, true, false, false)]
    [InlineData(true, false, true, true, true)] // no longer waited for, and it stays so
    public void It_is_final_once_its_span_is_past_and_every_part_is_final(bool first, bool second, bool complete, bool before, bool final)
    {
        var current = before ? Part(5, [], []) with { Final = true } : CommittedWindow.None;
        Assert.Equal(final, RollUpMerge.Of([Part(0, [], []) with { Final = first }, Part(1, [], []) with { Final = second }], complete, current, out _).Final);
    }

    [Fact]
    public void Equal_content_is_no_new_revision_and_any_change_is_one()
    {
        List<CommittedWindow> parts = [Part(0, ["a"], ["a"]), Part(1, ["b"], ["a"])];
        var first = RollUpMerge.Of(parts, complete: false, CommittedWindow.None, out _);

        Assert.Same(first, RollUpMerge.Of([parts[1], parts[0]], complete: false, first, out _));

        foreach (var changed in (List<CommittedWindow>)[
            Part(2, ["b"], ["a"]), parts[1] with { Backfilled = 1 }, parts[1] with { Hosts = ["c"] }, parts[1] with { ExpectedHosts = ["b"] }])
        {
            Assert.Equal(2, RollUpMerge.Of([parts[0], changed], complete: false, first, out _).Revision);
        }
    }

    [Fact]
    public void Equal_parts_give_equal_bytes_in_any_order_and_however_they_nest() =>
        Gen.Select(Gen.Int[0, 50].Array[1, 12], Gen.Int[0, 1000]).Sample((seeds, order) =>
        {
            var parts = seeds.Select(s => Part(s, [$"h{s % 4}"], [$"h{s % 3}"])).ToList();
            var flat = Merge(parts);
            var shuffled = parts.Select((p, i) => (p, Key: (i + 1) * 7919 * (order + 1) % 1009)).OrderBy(p => p.Key).Select(p => p.p).ToList();
            var nested = Merge([.. shuffled.Chunk(1 + order % 5).Select(c => Merge(c))]);

            Assert.Equal(flat.Totals.ToByteArray(), nested.Totals.ToByteArray());
            Assert.Equal(flat.Hosts, nested.Hosts);
            Assert.Equal(flat.ExpectedHosts, nested.ExpectedHosts);
        });

    private static CommittedWindow Merge(IReadOnlyList<CommittedWindow> parts) => RollUpMerge.Of(parts, complete: false, CommittedWindow.None, out _);

    private static CommittedWindow Part(int seed, string[] hosts, string[] expected, ulong backfilled = 0) =>
        new(1, false, backfilled, TotalsMapper.ToWire(Contribution(seed)), hosts, expected, FleetFields.None);

    /// <summary>Some requests, exact or in buckets, some above the top one.</summary>
    internal static SeriesTotals Contribution(int seed)
    {
        var totals = new SeriesTotals { Requests = 2 + seed % 5, Errors = seed % 2, OutputTokens = 100L * seed, InputTokens = seed, WideRequests = seed % 3 };
        if (seed % 4 == 3)
        {
            totals.ResponseTime.AddClassic([0.1, 1, 10], [1, 1, seed % 2, seed % 5], 1_500_000L * (seed % 5 + 1));
        }
        else
        {
            for (var i = 0; i < 2 + seed % 5; i++)
            {
                totals.ResponseTime.Record(0.001 * (1 + (seed * 31 + i * 17) % 5000));
                totals.Ttft.Record(0.0001 * (1 + (seed * 13 + i) % 700));
            }
        }

        return totals;
    }
}
