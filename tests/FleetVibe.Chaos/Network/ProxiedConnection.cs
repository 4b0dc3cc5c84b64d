using System.Net.Sockets;

namespace FleetVibe.Chaos.Network;

/// <summary>A connection that was taken and one that was made for it, and the bytes between them.</summary>
internal sealed class ProxiedConnection(Socket caller, Socket callee, Flow there, Flow back, TimeProvider time) : IDisposable
{
    private const int ChunkBytes = 32 * 1024;

    private readonly CancellationTokenSource _reset = new();
    private volatile bool _hasLostBytes;

    /// <summary>Bytes, or the end of one side, vanished here: the two ends no longer agree on what was said.</summary>
    public bool HasLostBytes => _hasLostBytes;

    public bool Uses(Flow flow) => flow == there || flow == back;

    /// <summary>Both sides get an RST.</summary>
    public void Reset()
    {
        try
        {
            _reset.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended at this moment.
        }
    }

    /// <summary>Runs until both directions have ended or one was broken.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop, _reset.Token);
        var isOrderly = false;
        try
        {
            var pumps = new[] { PumpAsync(caller, callee, there, ended.Token), PumpAsync(callee, caller, back, ended.Token) };
            await await Task.WhenAny(pumps);
            await Task.WhenAll(pumps);
            isOrderly = true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // One side broke off, or the link did: the other side learns it by an RST.
        }

        await ended.CancelAsync();
        Close(caller, isOrderly);
        Close(callee, isOrderly);
    }

    private async Task PumpAsync(Socket source, Socket sink, Flow flow, CancellationToken ended)
    {
        var buffer = new byte[ChunkBytes];
        var hasGap = false;
        while (true)
        {
            await flow.UntilMovingAsync(ended);
            var read = await ReceiveAsync(source, buffer, flow, ended);
            var state = await flow.UntilMovingAsync(ended);
            if (state.Mode == FlowMode.HalfOpen || hasGap)
            {
                hasGap = _hasLostBytes = true;
                if (read == 0)
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, time, ended);
                }

                continue;
            }

            if (state.Mode == FlowMode.Delay)
            {
                await Task.Delay(state.By, time, ended);
            }

            if (read == 0)
            {
                sink.Shutdown(SocketShutdown.Send);
                return;
            }

            for (var sent = 0; sent < read;)
            {
                sent += await sink.SendAsync(buffer.AsMemory(sent, read - sent), ended);
            }
        }
    }

    /// <summary>An abortive end is an end like any other where it would vanish anyway.</summary>
    private static async Task<int> ReceiveAsync(Socket source, byte[] buffer, Flow flow, CancellationToken ended)
    {
        try
        {
            return await source.ReceiveAsync(buffer, ended);
        }
        catch (SocketException) when (flow.State.Mode is FlowMode.HalfOpen or FlowMode.Stall)
        {
            return 0;
        }
    }

    private static void Close(Socket socket, bool isOrderly)
    {
        try
        {
            if (!isOrderly)
            {
                socket.LingerState = new LingerOption(true, 0);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }

        socket.Dispose();
    }

    public void Dispose()
    {
        caller.Dispose();
        callee.Dispose();
        _reset.Dispose();
    }
}
