using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace FleetVibe.Protocol.Transport;

/// <summary>Where a port is opened: <c>:7071</c> (every address), <c>127.0.0.1:7070</c>, <c>[::1]:7070</c>, <c>localhost:7070</c>.</summary>
/// <param name="Address">Null means every address.</param>
/// <param name="Port">0 lets the system choose.</param>
public sealed record ListenAddress(IPAddress? Address, int Port)
{
    /// <summary>A port on loopback that the system chooses.</summary>
    public static ListenAddress Ephemeral { get; } = new(IPAddress.Loopback, 0);

    /// <summary>Whether only this machine can reach it.</summary>
    public bool IsLoopback => Address is not null && IPAddress.IsLoopback(Address);

    public static bool TryParse(string text, [NotNullWhen(true)] out ListenAddress? address)
    {
        address = null;
        var colon = text.LastIndexOf(':');
        if (colon < 0 || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port > 65535)
        {
            return false;
        }

        var host = text[..colon];
        if (host is "" or "*")
        {
            address = new ListenAddress(null, port);
            return true;
        }

        if (host == "localhost")
        {
            address = new ListenAddress(IPAddress.Loopback, port);
            return true;
        }

        if (!IPAddress.TryParse(host.Trim('[', ']'), out var ip))
        {
            return false;
        }

        address = new ListenAddress(ip, port);
        return true;
    }

    public override string ToString() => Address is null ? $":{Port}" : new IPEndPoint(Address, Port).ToString();
}
