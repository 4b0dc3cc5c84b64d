using System.Runtime.Serialization;
using Akka.Actor;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace FleetVibe.Protocol.Tests.Cluster;

public sealed class ClusterMessageSerializerTests : IDisposable
{
    private readonly ActorSystem _system = ActorSystem.Create("serializer");
    private readonly ClusterMessageSerializer _serializer;

    public ClusterMessageSerializerTests() => _serializer = new ClusterMessageSerializer((ExtendedActorSystem)_system);

    public static TheoryData<string> Types => new(ClusterReflection.Descriptor.MessageTypes.Select(type => type.Name));

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_message_of_the_cluster_survives_the_wire(string name)
    {
        var type = ClusterReflection.Descriptor.MessageTypes.Single(type => type.Name == name);
        var message = Filled(type, depth: 0);
        Assert.NotEqual(type.Parser.ParseFrom(Array.Empty<byte>()), message);

        var manifest = _serializer.Manifest(message);
        Assert.InRange(manifest.Length, 1, 3);
        Assert.Equal(message, _serializer.FromBinary(_serializer.ToBinary(message), manifest));
    }

    [Fact]
    public void Bound_are_the_messages_of_the_cluster_and_no_others() =>
        Assert.Equal(
            ClusterReflection.Descriptor.MessageTypes.Select(type => type.ClrType).OrderBy(type => type.Name),
            ClusterMessageSerializer.MessageTypes.OrderBy(type => type.Name));

    // Changing a line here breaks a cluster in the middle of a rolling update.
    [Theory]
    [InlineData(typeof(MergeContribution), "mc")]
    [InlineData(typeof(ContributionSettled), "cs")]
    [InlineData(typeof(ContributionHeld), "ch")]
    [InlineData(typeof(DeclareHost), "dh")]
    [InlineData(typeof(OpenSession), "os")]
    [InlineData(typeof(SessionOpened), "so")]
    [InlineData(typeof(SessionRefused), "sr")]
    [InlineData(typeof(SessionSuperseded), "ss")]
    [InlineData(typeof(NodeHeartbeat), "nh")]
    [InlineData(typeof(SessionClosed), "sc")]
    [InlineData(typeof(SeriesChanged), "sv")]
    [InlineData(typeof(NodeChanged), "nv")]
    public void Manifests_never_change(Type type, string manifest) =>
        Assert.Equal(manifest, _serializer.Manifest(Activator.CreateInstance(type)!));

    [Fact]
    public void The_identifier_never_changes() => Assert.Equal(7072, _serializer.Identifier);

    [Fact]
    public void An_unknown_manifest_is_an_error() => Assert.Throws<SerializationException>(() => _serializer.FromBinary([], "zz"));

    [Fact]
    public void A_message_of_another_file_has_no_manifest() => Assert.Throws<ArgumentException>(() => _serializer.Manifest(new Hello()));

    public void Dispose() => _system.Dispose();

    private static IMessage Filled(MessageDescriptor type, int depth)
    {
        var message = type.Parser.ParseFrom(Array.Empty<byte>());
        foreach (var field in type.Fields.InDeclarationOrder())
        {
            if (field.ContainingOneof is { IsSynthetic: false } oneof && oneof.Fields[0] != field)
            {
                continue;
            }

            object value = field.FieldType switch
            {
                FieldType.Message => depth < 6 ? Filled(field.MessageType, depth + 1) : field.MessageType.Parser.ParseFrom(Array.Empty<byte>()),
                FieldType.String => field.Name + " \u00fc",
                FieldType.Bytes => ByteString.CopyFrom(1, 2, 3),
                FieldType.Bool => true,
                FieldType.Double => 1.5 + field.FieldNumber,
                FieldType.Enum => field.EnumType.Values[^1].Number,
                FieldType.UInt64 or FieldType.Fixed64 => ulong.MaxValue - (ulong)field.FieldNumber,
                FieldType.UInt32 => 7u + (uint)field.FieldNumber,
                FieldType.Int64 or FieldType.SInt64 => -5L - field.FieldNumber,
                FieldType.Int32 or FieldType.SInt32 => -3 - field.FieldNumber,
                _ => throw new InvalidOperationException($"no value for {field.FieldType}"),
            };
            if (field.IsRepeated)
            {
                ((System.Collections.IList)field.Accessor.GetValue(message)).Add(
                    field.FieldType == FieldType.Enum ? Enum.ToObject(field.EnumType.ClrType, value) : value);
            }
            else
            {
                field.Accessor.SetValue(message, field.FieldType == FieldType.Enum ? Enum.ToObject(field.EnumType.ClrType, value) : value);
            }
        }

        return message;
    }
}
