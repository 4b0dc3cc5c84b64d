using Grpc.Core;

namespace FleetVibe.Verbs.Check;

/// <summary>What a look at one thing found; a failure says what to do. No secrets.</summary>
internal sealed record ProbeResult(string What, string Target, bool Ok, string Text)
{
    /// <summary>What works but will not do what the user may expect.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>A call that failed, in the words of the configuration.</summary>
    /// <param name="tokenKey">Where the token for the peer is configured.</param>
    public static ProbeResult Of(string what, Uri address, RpcException e, string tokenKey) => new(what, Place(address), false, e.StatusCode switch
    {
        StatusCode.Unauthenticated => $"it does not take the token: {tokenKey} must hold what its own token_file holds",
        StatusCode.DeadlineExceeded => "no answer in time: check the address, and that nothing between drops the connection",
        StatusCode.Unavailable when IsTls(e) => $"its certificate is not trusted ({Innermost(e)}): ca_file must hold the authority that signed it, and the address must be a name in it",
        StatusCode.Unavailable => $"cannot be reached ({Innermost(e)}): check the address, and that it runs",
        _ => $"it answers {e.StatusCode}: {e.Status.Detail}",
    });

    public static string Place(Uri address) => address.GetLeftPart(UriPartial.Authority);

    private static bool IsTls(Exception e) =>
        e is System.Security.Authentication.AuthenticationException || (Inner(e) is { } inner && IsTls(inner));

    private static string Innermost(Exception e) => Inner(e) is { } inner ? Innermost(inner) : e.Message;

    private static Exception? Inner(Exception e) => e is RpcException rpc ? rpc.Status.DebugException : e.InnerException;
}
