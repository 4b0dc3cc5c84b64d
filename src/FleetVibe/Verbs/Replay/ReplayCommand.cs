using System.CommandLine;
using System.Security.Cryptography;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using FleetVibe.Verbs.Check;
using Grpc.Core;

namespace FleetVibe.Verbs.Replay;

/// <summary><c>replay</c>: has a gateway send the delivered points of some time once more, for a Telegraf that lost what it had taken.</summary>
internal static class ReplayCommand
{
    public static Command Create()
    {
        var gateway = new Option<Uri>("--gateway")
        {
            Description = "The gateway: https, or http on loopback.",
            HelpName = "URL",
            Required = true,
            CustomParser = result =>
            {
                var text = result.Tokens[0].Value;
                if (Uri.TryCreate(text, UriKind.Absolute, out var address)
                    && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && PeerTrust.IsLoopback(address))))
                {
                    return address;
                }

                result.AddError("--gateway: write the address as https://HOST:PORT; plain http is for loopback only, where the token crosses no network");
                return null;
            },
        };
        var token = new Option<string>("--token-file") { Description = "File with the token that the gateway takes.", HelpName = "FILE", Required = true };
        var ca = new Option<string?>("--ca-file") { Description = "Certificates of the authorities to trust, PEM, and no others; without it the system's.", HelpName = "FILE" };
        var from = ValueOptions.Time("--from", "Start of the first window that is sent.");
        var to = ValueOptions.Time("--to", "Windows that start here or later are not sent.");
        var command = new Command(
            "replay",
            """
            Has a gateway send the delivered points of windows that start in [--from, --to) once more.
            For a Telegraf that died with points in memory. Points overwrite themselves: a range that is too wide does no harm.
            Windows of 1m, 5m and 1h go by their start too: begin at the full hour before the loss.
            """)
        {
            gateway, token, ca, from, to,
        };
        command.SetAction((result, cancellation) => RunAsync(
            new PeerSettings
            {
                Addresses = [result.GetRequiredValue(gateway)],
                Token = BearerToken.FromFile(result.GetRequiredValue(token)),
                CaFile = result.GetValue(ca),
            },
            result.GetRequiredValue(from)!.Value, result.GetRequiredValue(to)!.Value, Console.Out, Console.Error, cancellation));
        return command;
    }

    internal static async Task<int> RunAsync(
        PeerSettings gateway, DateTimeOffset from, DateTimeOffset to, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        if (from >= to)
        {
            await error.WriteLineAsync("fleetvibe: --from must be before --to");
            return ExitCodes.Usage;
        }

        try
        {
            _ = gateway.Token!.Current;
            using var channel = GrpcPeer.CreateChannel(gateway.Addresses[0], gateway);
            var request = new ReplayRequest { FromUnix = FirstSecondFrom(from), ToUnix = FirstSecondFrom(to) };
            var reply = await new CommitLog.CommitLogClient(GrpcPeer.CreateInvoker(channel, gateway)).ReplayAsync(request, cancellationToken: cancellation);
            await output.WriteLineAsync($"{reply.Points} delivered points are sent once more");
            return ExitCodes.Ok;
        }
        catch (RpcException e)
        {
            var found = ProbeResult.Of("gateway", gateway.Addresses[0], e, "--token-file");
            await error.WriteLineAsync($"fleetvibe: the gateway {found.Target}: {found.Text}");
            return ExitCodes.VerdictFailed;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or CryptographicException)
        {
            await error.WriteLineAsync($"fleetvibe: {e.Message}");
            return ExitCodes.Usage;
        }
    }

    // Windows start at whole seconds.
    private static long FirstSecondFrom(DateTimeOffset moment) => (moment + TimeSpan.FromTicks(TimeSpan.TicksPerSecond - 1)).ToUnixTimeSeconds();
}
