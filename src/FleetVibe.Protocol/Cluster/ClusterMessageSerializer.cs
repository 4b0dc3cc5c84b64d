using System.Collections.Frozen;
using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Serialization;
using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Protocol.Cluster;

/// <summary>
/// The messages of cluster.proto on Akka's wire, and nothing else. A manifest is a short constant that outlives the
/// name of its type: one is added, never changed or used again, and is read one release before it is sent.
/// </summary>
public sealed class ClusterMessageSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private static readonly FrozenDictionary<string, MessageParser> Parsers = new Dictionary<string, MessageParser>
    {
        ["mc"] = MergeContribution.Parser,
        ["cs"] = ContributionSettled.Parser,
        ["ch"] = ContributionHeld.Parser,
        ["dh"] = DeclareHost.Parser,
        ["os"] = OpenSession.Parser,
        ["so"] = SessionOpened.Parser,
        ["sr"] = SessionRefused.Parser,
        ["ss"] = SessionSuperseded.Parser,
        ["nh"] = NodeHeartbeat.Parser,
        ["sc"] = SessionClosed.Parser,
        ["sv"] = SeriesChanged.Parser,
        ["nv"] = NodeChanged.Parser,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<Type, string> Manifests =
        Parsers.ToFrozenDictionary(entry => entry.Value.ParseFrom(Array.Empty<byte>()).GetType(), entry => entry.Key);

    /// <summary>The types that are bound to this serializer.</summary>
    public static IReadOnlyCollection<Type> MessageTypes => Manifests.Keys;

    /// <summary>Never changes: it stands in every message on the wire.</summary>
    public override int Identifier => 7072;

    /// <exception cref="ArgumentException">The type is none of cluster.proto's.</exception>
    public override string Manifest(object o) =>
        Manifests.TryGetValue(o.GetType(), out var manifest) ? manifest : throw new ArgumentException($"{o.GetType()} has no manifest", nameof(o));

    public override byte[] ToBinary(object obj) => ((IMessage)obj).ToByteArray();

    /// <exception cref="SerializationException">The manifest comes from a release that this one does not know.</exception>
    public override object FromBinary(byte[] bytes, string manifest) =>
        Parsers.TryGetValue(manifest, out var parser)
            ? parser.ParseFrom(bytes)
            : throw new SerializationException($"unknown manifest \"{manifest}\": is another member of a later release?");
}
