using System.Net.Sockets;
using FleetVibe.Agent.Sources.Push;

namespace FleetVibe.Agent.Sources.Probing;

/// <summary>Whether collectors find a socket, or an agent could make it.</summary>
internal static class PushProbe
{
    public static async Task<SourceProbeResult> ProbeAsync(PushSourceSettings settings, CancellationToken cancellation)
    {
        if (PushServer.ProblemOf(settings.Socket) is { } problem)
        {
            return SourceProbeResult.Failed(ErrorClass.Permission, problem);
        }

        if (await AnswersAsync(settings.Socket, cancellation))
        {
            return new SourceProbeResult(true, null, $"{settings.Socket}: an agent listens");
        }

        var folder = new DirectoryInfo(Path.GetDirectoryName(settings.Socket)!);
        while (!folder.Exists && folder.Parent is { } parent)
        {
            folder = parent;
        }

        try
        {
            var file = Path.Combine(folder.FullName, $".fleetvibe-check-{Guid.NewGuid():N}");
            await File.WriteAllBytesAsync(file, [], cancellation);
            File.Delete(file);
            return new SourceProbeResult(true, null, $"{settings.Socket} can be made in {folder.FullName}; no agent listens there now");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return SourceProbeResult.Failed(
                ErrorClass.Permission, $"user {Environment.UserName} cannot make {settings.Socket} in {folder.FullName}: make the folder and give it to that user (RuntimeDirectory= of the unit), or set socket");
        }
    }

    private static async Task<bool> AnswersAsync(string path, CancellationToken cancellation)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
