using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Aggregator.Tests.Doubles;

/// <summary>Short ways to write wire messages in tests.</summary>
internal static class Wire
{
    public static readonly SeriesKey Series = new() { Model = "vibethinker-1.5b", Task = "algorithm_reasoning" };

    public static Guid Instance(string node) => new(FleetInstance(node));

    public static ByteString InstanceBytes(string node) => RecordKey.InstanceToWire(Instance(node));

    public static SeriesTotals Totals(int requests, double seconds = 0.25)
    {
        var totals = new SeriesTotals { Requests = requests, InputTokens = requests * 10, OutputTokens = requests * 100 };
        for (var i = 0; i < requests; i++)
        {
            totals.ResponseTime.Record(seconds + (i * 0.01));
        }

        return totals;
    }

    public static MergeContribution Merge(string node, ulong seq, long start, SeriesTotals totals, WindowLevel level = WindowLevel._10S)
    {
        var wire = TotalsMapper.ToWire(totals);
        return new MergeContribution
        {
            Key = new WindowKey { Series = Series, Level = level, Start = start },
            Record = new RecordKey(node, Instance(node), seq).ToWire(),
            Totals = wire,
            ContentHash = TotalsMapper.ContentHash(wire),
        };
    }

    public static FleetVibe.Protocol.V1.Record NewRecord(ulong seq, long start, int requests, SeriesKey? series = null) => new()
    {
        Seq = seq,
        Floor = seq,
        Content = new RecordContent
        {
            WindowStart = start,
            Contributions = { new Contribution { Series = series ?? Series, Totals = TotalsMapper.ToWire(Totals(requests)) } },
        },
    };

    public static Hello Hello(string node, ulong nextSeq = 1) => new()
    {
        Node = node,
        Instance = InstanceBytes(node),
        NextSeq = nextSeq,
        Floor = nextSeq,
        Version = "1.0",
        Series = { Series },
    };

    private static byte[] FleetInstance(string node)
    {
        var bytes = new byte[RecordKey.InstanceLength];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)((node[i % node.Length] * 31) + i);
        }

        return bytes;
    }
}
