using FleetVibe.Protocol.Mapping;
using Google.Protobuf;
using Grpc.Core;

namespace FleetVibe.Gateway.Service;

/// <summary>What a message must be before the log looks at it. Pure; a fault is INVALID_ARGUMENT and names the member.</summary>
internal static class MessageRules
{
    private const int InstanceBytes = 16;
    private const int LongestName = 512;
    private const int MostHosts = 100_000;

    // A refusal must not itself be refused, or its record is offered for ever; the counters must hold the sum of many.
    private const ulong MostRefusedRequests = 1_000_000_000_000_000;

    internal static void RequireSeries(SeriesKey? series)
    {
        Require(series is not null, "series is missing");
        Require(series!.Model.Length > 0, "series.model is empty");
    }

    internal static void RequireWindow(WindowKey? key)
    {
        Require(key is not null, "key is missing");
        RequireSeries(key!.Series);
        Require(WindowLevels.IsKnown(key.Level), $"window level {key.Level} is not known");
        Require(key.Start > 0 && key.Start % WindowLevels.SecondsOf(key.Level) == 0, $"a window of level {key.Level} cannot start at {key.Start}");
        Require(key.Start < long.MaxValue / 1_000_000_000, $"window start {key.Start} is out of range");
    }

    internal static void RequireInstance(string node, ByteString instance)
    {
        Require(node.Length is > 0 and <= LongestName, "node is empty or too long");
        Require(instance.Length == InstanceBytes, $"instance has {instance.Length} bytes, not {InstanceBytes}");
    }

    internal static void RequireAdmission(AdmitInstanceRequest request)
    {
        RequireInstance(request.Node, request.Instance);
        Require(request.Floor <= long.MaxValue && request.HighestAcked <= long.MaxValue, "a sequence is out of range");
        Require(request.Renew || request.HighestAcked == 0 || request.HighestAcked < request.NextSeq, "highest_acked is not below next_seq");
    }

    internal static void RequireRecord(RecordId? record, ulong floor = 0)
    {
        Require(record is not null, "record is missing");
        RequireInstance(record!.Node, record.Instance);
        Require(record.Seq <= long.MaxValue && floor <= long.MaxValue, "a sequence is out of range");
    }

    internal static void RequirePart(Contributor? part)
    {
        Require(part is not null, "part is missing");
        RequireRecord(part!.Record);
        Require(part.Requests <= long.MaxValue / 4, $"requests out of range: {part.Requests}");
    }

    internal static SoundCommit RequireCommit(CommitRequest request)
    {
        RequireWindow(request.Key);
        foreach (var part in request.Added)
        {
            RequirePart(part);
        }

        Require(request.ExpectedHosts.Count <= MostHosts, "too many expected hosts");
        Require(request.Backfilled <= long.MaxValue / 4, "backfilled out of range");
        Require(request.BaseRevision <= long.MaxValue, "base_revision out of range");
        try
        {
            return new SoundCommit(request, TotalsMapper.FromWire(request.Totals));
        }
        catch (InvalidDataException e)
        {
            throw Invalid("totals: " + e.Message);
        }
    }

    /// <summary>A refused part may name an impossible window: that may be why it is refused.</summary>
    internal static void RequireRefusal(RefusePartRequest request)
    {
        Require(request.Key?.Series is not null, "key is missing");
        Require(request.Part is not null, "part is missing");
        RequireRecord(request.Part!.Record);
        request.Part.Requests = Math.Min(request.Part.Requests, MostRefusedRequests);
        Require(request.Fate is Fate.Late or Fate.Future or Fate.Undecodable, $"{request.Fate} is not a refusal");
    }

    internal static void RequireReplay(ReplayRequest request) =>
        Require(
            request.FromUnix >= 0 && request.FromUnix < request.ToUnix && request.ToUnix < long.MaxValue / 1_000_000_000,
            $"from_unix {request.FromUnix} must be a time before to_unix {request.ToUnix}");

    private static void Require(bool condition, string fault)
    {
        if (!condition)
        {
            throw Invalid(fault);
        }
    }

    private static RpcException Invalid(string fault) => new(new Status(StatusCode.InvalidArgument, fault));
}
