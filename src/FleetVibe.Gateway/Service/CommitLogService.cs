using FleetVibe.Gateway.Delivery;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Service;

/// <summary>The commit log over gRPC: checks the message, asks the log, translates what it throws.</summary>
internal sealed class CommitLogService(ICommitLog log, IOutbox outbox, DeliveryStatus delivery, ILogger<CommitLogService> logger) : CommitLog.CommitLogBase
{
    private static readonly string Version = typeof(CommitLogService).Assembly.GetName().Version!.ToString(3);

    public override Task<WindowState> LoadWindow(LoadWindowRequest request, ServerCallContext context)
    {
        MessageRules.RequireWindow(request.Key);
        return AnswerAsync(() => log.LoadWindowAsync(request.Key, request.WithHistory));
    }

    public override Task<LoadOpenWindowsReply> LoadOpenWindows(LoadOpenWindowsRequest request, ServerCallContext context)
    {
        MessageRules.RequireSeries(request.Series);
        return AnswerAsync(() => log.LoadOpenWindowsAsync(request.Series));
    }

    public override async Task<CommitReply> Commit(CommitRequest request, ServerCallContext context)
    {
        var commit = MessageRules.RequireCommit(request);
        return await AnswerAsync(() => log.CommitAsync(commit));
    }

    public override async Task<PutPointsReply> PutPoints(PutPointsRequest request, ServerCallContext context)
    {
        MessageRules.RequireRecord(request.Record, request.Floor);
        var taken = await AnswerAsync(() => log.PutPointsAsync(request))
            ?? throw new RpcException(new Status(StatusCode.FailedPrecondition, $"nobody holds the name {request.Record.Node}: admit the instance first"));
        return new PutPointsReply { Rejected = (uint)taken.Rejected };
    }

    public override async Task<RefusePartReply> RefusePart(RefusePartRequest request, ServerCallContext context)
    {
        MessageRules.RequireRefusal(request);
        return new RefusePartReply { Fate = await AnswerAsync(() => log.RefusePartAsync(request)) };
    }

    public override async Task<AdmitInstanceReply> AdmitInstance(AdmitInstanceRequest request, ServerCallContext context)
    {
        MessageRules.RequireAdmission(request);
        var reply = await AnswerAsync(() => log.AdmitInstanceAsync(request));
        if (reply.CommitsLost > 0)
        {
            logger.LogCritical("{Text}. Find out whether a snapshot was restored or a disk lost its last writes", reply.Text);
        }

        return reply;
    }

    public override async Task<GatewayStatus> GetStatus(GatewayStatusRequest request, ServerCallContext context)
    {
        var status = await AnswerAsync(log.StatusAsync);
        status.Version = Version;
        delivery.WriteTo(status);
        return status;
    }

    public override async Task<ReplayReply> Replay(ReplayRequest request, ServerCallContext context)
    {
        MessageRules.RequireReplay(request);
        var points = await AnswerAsync(() => outbox.ReplayAsync(request.FromUnix, request.ToUnix));
        logger.LogInformation(
            "Replay: {Points} delivered points of {From:u} to {To:u} are sent once more",
            points, DateTimeOffset.FromUnixTimeSeconds(request.FromUnix), DateTimeOffset.FromUnixTimeSeconds(request.ToUnix));
        return new ReplayReply { Points = (ulong)points };
    }

    private static async Task<T> AnswerAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (StoreFullException e)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, e.Message));
        }
        catch (Exception e) when (e is StoreUnavailableException or StoreUnusableException or System.Data.Common.DbException)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message));
        }
        catch (StoreDamagedException e)
        {
            throw new RpcException(new Status(StatusCode.DataLoss, e.Message));
        }
    }
}
