using System.Net;
using System.Net.Sockets;

namespace FleetVibe.Chaos.Fleet;

/// <summary>
/// Ports below the range from which the system gives ports to callers: a process that is down finds its own still free.
/// They come in blocks, and who holds a block's first port has all of it: campaigns beside each other do not meet.
/// </summary>
internal sealed class Ports : IDisposable
{
    private const int Lowest = 15_000;
    private const int Blocks = 34;
    private const int BlockSize = 500;

    private readonly Socket _claim;
    private int _next;

    /// <param name="first">Which block to try first.</param>
    /// <exception cref="InvalidOperationException">Every block is taken.</exception>
    public Ports(int first)
    {
        for (var i = 0; i < Blocks; i++)
        {
            _next = Lowest + ((first + i) % Blocks * BlockSize);
            if (TryBind(_next) is { } claim)
            {
                _claim = claim;
                return;
            }
        }

        throw new InvalidOperationException($"no {BlockSize} ports in a row are free from {Lowest} to {Lowest + (Blocks * BlockSize) - 1}");
    }

    public int Next()
    {
        while (true)
        {
            _next++;
            using var free = TryBind(_next);
            if (free is not null)
            {
                return _next;
            }
        }
    }

    public void Dispose() => _claim.Dispose();

    private static Socket? TryBind(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            socket.Listen();
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }
    }
}
