using System.Net;
using System.Net.Sockets;

namespace FleetVibe.Chaos.Network;

/// <summary>One port before a process. Who calls decides which link a connection belongs to.</summary>
internal sealed class LinkProxy : IAsyncDisposable
{
    private readonly LinkTable _links;
    private readonly Socket _listener;
    private readonly Func<IPEndPoint, int, string?> _callerOf;
    private readonly string _to;
    private readonly int _target;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;

    /// <param name="callerOf">The name of the process that holds the other end, by that end and this port; null where it is gone already.</param>
    /// <param name="to">Name of the process behind.</param>
    /// <param name="target">Its port on loopback.</param>
    /// <param name="port">Where to listen on loopback; 0 lets the system choose.</param>
    public LinkProxy(LinkTable links, Func<IPEndPoint, int, string?> callerOf, string to, int target, TimeProvider time, int port = 0)
    {
        (_links, _callerOf, _to, _target, _time) = (links, callerOf, to, target, time);
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        _listener.Listen(256);
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                var caller = await _listener.AcceptAsync(_stop.Token);
                serving.RemoveAll(task => task.IsCompleted);
                serving.Add(Task.Run(() => ServeAsync(caller)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The proxy is being closed.
        }

        await Task.WhenAll(serving);
    }

    private async Task ServeAsync(Socket caller)
    {
        var callee = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            caller.NoDelay = callee.NoDelay = true;
            if (_callerOf((IPEndPoint)caller.RemoteEndPoint!, Port) is not { } from)
            {
                caller.LingerState = new LingerOption(true, 0);
                return;
            }

            var (there, back) = (_links.Flow(from, _to), _links.Flow(_to, from));
            if (there.State.Mode == FlowMode.Refuse || back.State.Mode == FlowMode.Refuse)
            {
                caller.LingerState = new LingerOption(true, 0);
                return;
            }

            await callee.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _target), _stop.Token);
            using var connection = new ProxiedConnection(caller, callee, there, back, _time);
            _links.Add(connection);
            try
            {
                await connection.RunAsync(_stop.Token);
            }
            finally
            {
                _links.Remove(connection);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Nobody listens behind: the caller is told as if it had called there itself.
            TryAbort(caller);
        }
        finally
        {
            caller.Dispose();
            callee.Dispose();
        }
    }

    private static void TryAbort(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }
    }
}
