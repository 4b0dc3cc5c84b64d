using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Sources.Push;

/// <summary>What one stream of a collector was told so far. Not thread safe.</summary>
internal sealed class CollectorSession(CollectorConnection connection, CollectorHello hello)
{
    private long _skipped;
    private string _skippedWhy = "";

    public CollectorConnection Connection => connection;

    public CollectorHello Hello => hello;

    public string Name => hello.Name;

    public bool IsWelcome { get; set; }

    public bool IsFinished { get; set; }

    public bool IsAckDue { get; set; }

    public ulong Acked { get; set; }

    public void Skip(long count, string why)
    {
        _skipped += count;
        _skippedWhy = _skippedWhy.Length > 0 ? _skippedWhy : why;
    }

    public CollectorAck TakeAck()
    {
        var ack = new CollectorAck { Sequence = Acked, Skipped = (ulong)_skipped, SkippedWhy = _skippedWhy };
        (_skipped, _skippedWhy) = (0, "");
        return ack;
    }
}
