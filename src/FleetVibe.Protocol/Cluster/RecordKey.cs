using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Protocol.Cluster;

/// <summary>A record's name as a value that can be compared and hashed.</summary>
/// <param name="Node">The node's name.</param>
/// <param name="Instance">The random 128 bits of the spool file.</param>
/// <param name="Seq">Grows with every record of the instance.</param>
public readonly record struct RecordKey(string Node, Guid Instance, ulong Seq) : IComparable<RecordKey>
{
    /// <summary>Bytes of an instance.</summary>
    public const int InstanceLength = 16;

    /// <exception cref="InvalidDataException">The instance has not 16 bytes.</exception>
    public static RecordKey FromWire(RecordId id) =>
        new(id.Node, InstanceFromWire(id.Instance), id.Seq);

    /// <exception cref="InvalidDataException">Not 16 bytes.</exception>
    public static Guid InstanceFromWire(ByteString instance) =>
        instance.Length == InstanceLength
            ? new Guid(instance.Span, bigEndian: true)
            : throw new InvalidDataException($"an instance has {InstanceLength} bytes, not {instance.Length}");

    public static ByteString InstanceToWire(Guid instance) => ByteString.CopyFrom(instance.ToByteArray(bigEndian: true));

    public RecordId ToWire() => new() { Node = Node, Instance = InstanceToWire(Instance), Seq = Seq };

    public int CompareTo(RecordKey other)
    {
        var order = string.CompareOrdinal(Node, other.Node);
        order = order != 0 ? order : Instance.CompareTo(other.Instance);
        return order != 0 ? order : Seq.CompareTo(other.Seq);
    }

    public static bool operator <(RecordKey left, RecordKey right) => left.CompareTo(right) < 0;

    public static bool operator <=(RecordKey left, RecordKey right) => left.CompareTo(right) <= 0;

    public static bool operator >(RecordKey left, RecordKey right) => left.CompareTo(right) > 0;

    public static bool operator >=(RecordKey left, RecordKey right) => left.CompareTo(right) >= 0;
}
