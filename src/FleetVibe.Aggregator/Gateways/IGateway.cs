using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Gateways;

/// <summary>
/// The durable commit log. Every call ends within its deadline, with the answer or an exception; after an exception
/// nobody knows whether the request took effect.
/// </summary>
internal interface IGateway
{
    Task<WindowState> LoadWindow(LoadWindowRequest request);

    Task<LoadOpenWindowsReply> LoadOpenWindows(LoadOpenWindowsRequest request);

    Task<CommitReply> Commit(CommitRequest request);

    Task<PutPointsReply> PutPoints(PutPointsRequest request);

    Task<RefusePartReply> RefusePart(RefusePartRequest request);

    Task<AdmitInstanceReply> AdmitInstance(AdmitInstanceRequest request);

    Task<GatewayStatus> GetStatus(GatewayStatusRequest request);

    /// <summary>Why the last call failed, or why nothing can be written; null while the gateway answers, or before the first call.</summary>
    string? LastError { get; }

    /// <summary>Whether the last call was answered.</summary>
    bool IsReachable { get; }
}
