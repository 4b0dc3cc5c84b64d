using System.Net;
using System.Net.Sockets;

namespace FleetVibe.Chaos.Fleet;

/// <summary>Ports below the range from which the system gives ports to callers: a process that is down finds its own still free.</summary>
internal sealed class Ports(int seed)
{
    private const int Lowest = 15_000;
    private const int Highest = 32_000;

    private readonly Random _random = new(seed);
    private readonly HashSet<int> _given = [];

    public int Next()
    {
        while (true)
        {
            var port = _random.Next(Lowest, Highest);
            if (_given.Add(port) && IsFree(port))
            {
                return port;
            }
        }
    }

    private static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
