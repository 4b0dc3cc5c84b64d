using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Aggregator.Gateways;

/// <summary>
/// Calls one gateway until it does not answer, then the next. Holds to the commit log that it met first: another one, as after a
/// lost store, would start the revisions again, so it is refused until this process is restarted. Thread safe.
/// </summary>
internal sealed partial class GatewayClient : IGateway, IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    private readonly GrpcChannel[] _channels;
    private readonly CommitLog.CommitLogClient[] _clients;
    private readonly IReadOnlyList<Uri> _addresses;
    private readonly TimeProvider _time;
    private readonly ILogger<GatewayClient> _log;
    private readonly Lock _lock = new();
    private readonly bool[] _holdsOtherLog;
    private string? _logId;
    private CallOutcome? _outcome;
    private int _current;

    public GatewayClient(PeerSettings peer, TimeProvider time, ILogger<GatewayClient> log)
    {
        if (peer.Addresses.Count == 0)
        {
            throw new InvalidOperationException("aggregator.gateways is empty: at least one gateway is needed");
        }

        _addresses = peer.Addresses;
        _holdsOtherLog = new bool[peer.Addresses.Count];
        _time = time;
        _log = log;
        _channels = [.. peer.Addresses.Select(address => GrpcPeer.CreateChannel(address, peer))];
        _clients = [.. _channels.Select(channel => new CommitLog.CommitLogClient(GrpcPeer.CreateInvoker(channel, peer)))];
    }

    public string? LastError { get; private set; }

    public bool IsReachable { get; private set; }

    public async Task<WindowState> LoadWindow(LoadWindowRequest request)
    {
        var state = await Call((client, options) => client.LoadWindowAsync(request, options));
        Pin(state.LogId);
        return state;
    }

    public async Task<LoadOpenWindowsReply> LoadOpenWindows(LoadOpenWindowsRequest request)
    {
        var reply = await Call((client, options) => client.LoadOpenWindowsAsync(request, options));
        Pin(reply.LogId);
        return reply;
    }

    public Task<CommitReply> Commit(CommitRequest request) => Call((client, options) => client.CommitAsync(request, options), writes: true);

    public Task<PutPointsReply> PutPoints(PutPointsRequest request) => Call((client, options) => client.PutPointsAsync(request, options), writes: true);

    public Task<RefusePartReply> RefusePart(RefusePartRequest request) => Call((client, options) => client.RefusePartAsync(request, options), writes: true);

    public async Task<AdmitInstanceReply> AdmitInstance(AdmitInstanceRequest request)
    {
        var reply = await Call((client, options) => client.AdmitInstanceAsync(request, options), writes: true);
        Pin(reply.LogId);
        return reply;
    }

    public Task<GatewayStatus> GetStatus(GatewayStatusRequest request) => Call((client, options) => client.GetStatusAsync(request, options));

    public void Dispose()
    {
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }
    }

    private async Task<TReply> Call<TReply>(Func<CommitLog.CommitLogClient, CallOptions, AsyncUnaryCall<TReply>> call, bool writes = false)
    {
        var index = Volatile.Read(ref _current);
        try
        {
            using var pending = call(_clients[index], new CallOptions(deadline: _time.GetUtcNow().UtcDateTime + Deadline));
            var reply = await pending.ResponseAsync;
            Note(index, CallOutcome.Answered, null, writes);
            return reply;
        }
        catch (Exception e)
        {
            // Who asked decides when to ask again; the next call goes to the next address where that may help.
            var outcome = CallOutcomes.Of(e);
            if (outcome == CallOutcome.Lost)
            {
                Interlocked.CompareExchange(ref _current, (index + 1) % _clients.Length, index);
            }

            Note(index, outcome, e is RpcException rpc ? $"{rpc.StatusCode}: {rpc.Status.Detail}" : e.Message, writes);
            throw;
        }
    }

    private void Pin(string logId)
    {
        if (logId.Length == 0)
        {
            return;
        }

        var index = Volatile.Read(ref _current);
        lock (_lock)
        {
            _logId ??= logId;
            _holdsOtherLog[index] = _logId != logId;
            if (_logId == logId)
            {
                return;
            }
        }

        var text = $"the gateway now holds commit log {logId}, not {_logId}: restart the aggregators to accept it";
        Note(index, CallOutcome.Lost, text, writes: false);
        throw new InvalidOperationException(text);
    }

    private void Note(int index, CallOutcome outcome, string? error, bool writes)
    {
        CallOutcome? before;
        lock (_lock)
        {
            before = _outcome;
            if (outcome == CallOutcome.Rejected)
            {
                LogRejected(_addresses[index], error ?? "");
                return;
            }

            // A full store still answers questions, and so does a gateway whose log cannot be used.
            if (outcome == CallOutcome.Answered && (_holdsOtherLog[index] || (before == CallOutcome.Full && !writes)))
            {
                return;
            }

            _outcome = outcome;
            LastError = outcome == CallOutcome.Answered ? null : error;
            IsReachable = outcome != CallOutcome.Lost;
        }

        if (before == outcome)
        {
            return;
        }

        switch (outcome)
        {
            case CallOutcome.Answered:
                LogReached(_addresses[index]);
                break;
            case CallOutcome.Full:
                LogFull(_addresses[index], error ?? "");
                break;
            default:
                LogLost(_addresses[index], error ?? "");
                break;
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Gateway {Address} answers")]
    private partial void LogReached(Uri address);

    [LoggerMessage(2, LogLevel.Warning, "Gateway {Address} cannot be used ({Error}); windows and records are kept and sent again")]
    private partial void LogLost(Uri address, string error);

    [LoggerMessage(3, LogLevel.Error, "Gateway {Address} takes nothing ({Error}); windows and records are kept and sent again")]
    private partial void LogFull(Uri address, string error);

    [LoggerMessage(4, LogLevel.Error, "Gateway {Address} rejects a message, which no other would take either ({Error}): report this as a fault of FleetVibe")]
    private partial void LogRejected(Uri address, string error);
}
