using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Aggregator.Gateways;

/// <summary>
/// Calls one gateway until it fails, then the next. Holds to the commit log that it met first: another one, as after a
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
    private string? _logId;
    private int _current;

    public GatewayClient(PeerSettings peer, TimeProvider time, ILogger<GatewayClient> log)
    {
        if (peer.Addresses.Count == 0)
        {
            throw new InvalidOperationException("aggregator.gateways is empty: at least one gateway is needed");
        }

        _addresses = peer.Addresses;
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

    public Task<CommitReply> Commit(CommitRequest request) => Call((client, options) => client.CommitAsync(request, options));

    public Task<PutPointsReply> PutPoints(PutPointsRequest request) => Call((client, options) => client.PutPointsAsync(request, options));

    public Task<RefusePartReply> RefusePart(RefusePartRequest request) => Call((client, options) => client.RefusePartAsync(request, options));

    public async Task<AdmitInstanceReply> AdmitInstance(AdmitInstanceRequest request)
    {
        var reply = await Call((client, options) => client.AdmitInstanceAsync(request, options));
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

    private async Task<TReply> Call<TReply>(Func<CommitLog.CommitLogClient, CallOptions, AsyncUnaryCall<TReply>> call)
    {
        var index = Volatile.Read(ref _current);
        try
        {
            using var pending = call(_clients[index], new CallOptions(deadline: _time.GetUtcNow().UtcDateTime + Deadline));
            var reply = await pending.ResponseAsync;
            Note(index, null);
            return reply;
        }
        catch (Exception e)
        {
            // Who asked decides when to ask again; the next call goes to the next address.
            Interlocked.CompareExchange(ref _current, (index + 1) % _clients.Length, index);
            Note(index, e is RpcException rpc ? $"{rpc.StatusCode}: {rpc.Status.Detail}" : e.Message);
            throw;
        }
    }

    private void Pin(string logId)
    {
        if (logId.Length == 0)
        {
            return;
        }

        lock (_lock)
        {
            _logId ??= logId;
            if (_logId == logId)
            {
                return;
            }
        }

        var text = $"the gateway now holds commit log {logId}, not {_logId}: restart the aggregators to accept it";
        Note(Volatile.Read(ref _current), text);
        throw new InvalidOperationException(text);
    }

    private void Note(int index, string? error)
    {
        bool changed;
        lock (_lock)
        {
            changed = (error is null) != IsReachable || (error is not null && LastError is null);
            LastError = error;
            IsReachable = error is null;
        }

        if (!changed)
        {
            return;
        }

        if (error is null)
        {
            LogReached(_addresses[index]);
        }
        else
        {
            LogLost(_addresses[index], error);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Gateway {Address} answers")]
    private partial void LogReached(Uri address);

    [LoggerMessage(2, LogLevel.Warning, "Gateway {Address} does not answer ({Error}); windows and records are kept and sent again")]
    private partial void LogLost(Uri address, string error);
}
