using System.CommandLine;
using System.Security.Cryptography;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Verbs.Asking;

/// <summary>Which aggregator a verb asks, and how it is trusted.</summary>
internal sealed class AggregatorOptions
{
    private readonly Option<string> _address = new("--aggregator") { Description = "Its address, such as https://agg-1:7071.", HelpName = "URL", Required = true };
    private readonly Option<string?> _tokenFile = new("--token-file") { Description = "Holds its token; needed unless it is on loopback without one.", HelpName = "FILE" };
    private readonly Option<string?> _caFile = new("--ca-file") { Description = "PEM file of the authorities to trust; the system's by default.", HelpName = "FILE" };
    private readonly Option<bool> _insecure = new("--insecure") { Description = "Allows plain http and a missing token to another machine." };

    public void AddTo(Command command)
    {
        command.Options.Add(_address);
        command.Options.Add(_tokenFile);
        command.Options.Add(_caFile);
        command.Options.Add(_insecure);
    }

    public PeerSettings? Peer(ParseResult result, out string problem) =>
        Peer(result.GetRequiredValue(_address), result.GetValue(_tokenFile), result.GetValue(_caFile), result.GetValue(_insecure), out problem);

    /// <summary>The peer, or null and what is wrong. Reads both files, so that a wrong one is named before anything is asked.</summary>
    internal static PeerSettings? Peer(string address, string? tokenFile, string? caFile, bool insecure, out string problem)
    {
        problem = "";
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps) || uri.UserInfo.Length > 0)
        {
            problem = "--aggregator is no http or https address without credentials: write one such as https://agg-1:7071";
        }
        else if (!PeerTrust.IsLoopback(uri) && !insecure && uri.Scheme != Uri.UriSchemeHttps)
        {
            problem = $"--aggregator: {uri.GetLeftPart(UriPartial.Authority)} is plain http to another machine: use https, or add --insecure";
        }
        else if (!PeerTrust.IsLoopback(uri) && !insecure && tokenFile is null)
        {
            problem = "--token-file is missing: it holds the token of the aggregator, the one that the agents have too; or add --insecure";
        }
        else
        {
            var peer = new PeerSettings { Addresses = [uri], Token = tokenFile is null ? null : BearerToken.FromFile(tokenFile), CaFile = caFile, Insecure = insecure };
            problem = Unreadable("--token-file", () => _ = peer.Token?.Current)
                ?? Unreadable("--ca-file", () => PeerTrust.CreateHandler(caFile).Dispose())
                ?? "";
            return problem.Length == 0 ? peer : null;
        }

        return null;
    }

    private static string? Unreadable(string option, Action read)
    {
        try
        {
            read();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or CryptographicException)
        {
            return $"{option}: {e.Message}";
        }
    }
}
