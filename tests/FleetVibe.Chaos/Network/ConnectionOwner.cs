using System.Globalization;
using System.Net;

namespace FleetVibe.Chaos.Network;

/// <summary>Which process holds the other end of a connection on loopback: the socket's inode in /proc/net/tcp, and who has it open.</summary>
internal static class ConnectionOwner
{
    private static readonly string[] Tables = ["/proc/net/tcp", "/proc/net/tcp6"];

    /// <param name="caller">The connection's remote end, as the side that accepted sees it.</param>
    /// <param name="processes">Names by process id.</param>
    /// <returns>Null where none of them holds it.</returns>
    /// <param name="port">Where it was accepted.</param>
    public static string? Find(IPEndPoint caller, int port, IEnumerable<(string Name, int Pid)> processes) =>
        InodeOf(caller.Port, port) is { } inode
            ? processes.Where(p => Holds(p.Pid, $"socket:[{inode}]")).Select(p => p.Name).FirstOrDefault()
            : null;

    private static string? InodeOf(int localPort, int remotePort)
    {
        var (local, remote) = (Suffix(localPort), Suffix(remotePort));
        return Tables.Where(File.Exists).SelectMany(file => File.ReadLines(file).Skip(1))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(columns => columns.Length > 9 && columns[1].EndsWith(local, StringComparison.Ordinal)
                && columns[2].EndsWith(remote, StringComparison.Ordinal) && columns[9] != "0")?[9];
    }

    private static string Suffix(int port) => ":" + port.ToString("X4", CultureInfo.InvariantCulture);

    private static bool Holds(int pid, string link)
    {
        try
        {
            return Directory.EnumerateFiles($"/proc/{pid}/fd").Any(file => File.ResolveLinkTarget(file, returnFinalTarget: false)?.Name == link);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process ended, or closed the descriptor, while it was looked at.
            return false;
        }
    }
}
