namespace FleetVibe.Gateway.Delivery;

/// <summary>What the deliverer does after an answer.</summary>
internal enum ReactionKind
{
    Delivered,

    /// <summary>The receiver named the bad line: it goes to the dead letters, the rest is sent at once.</summary>
    QuarantineLine,

    /// <summary>Something in the batch is bad: send halves.</summary>
    Bisect,

    /// <summary>Too many bytes.</summary>
    SplitBytes,

    /// <summary>Too many points.</summary>
    SplitPoints,

    /// <summary>The receiver cannot read gzip.</summary>
    SendUncompressed,

    BackOffAndShrink,
    RetryOnNewConnection,
    PauseForAuthorization,
    PauseForConfiguration,
    CreateDatabase,
}

/// <summary>The reaction to an answer.</summary>
/// <param name="Reason">For the log, the status and the dead letter. Never a secret.</param>
/// <param name="Line">The named line, from 1; only with <see cref="ReactionKind.QuarantineLine"/>.</param>
/// <param name="MayStillArrive">The lines may have been taken, or be taken later: their points wait out the quiet time.</param>
/// <param name="ConflictingField">measurement.field whose type the database knows otherwise.</param>
internal sealed record DeliveryReaction(
    ReactionKind Kind, string Reason, int Line = 0, bool MayStillArrive = false, TimeSpan? RetryAfter = null, string? ConflictingField = null)
{
    /// <summary>Decides by dialect and answer alone.</summary>
    /// <param name="lines">The lines that were sent, in their order.</param>
    internal static DeliveryReaction To(DeliveryAnswer answer, TelegrafDialect dialect, IReadOnlyList<string> lines) => answer switch
    {
        DeliveryAnswer.NotSent notSent => new(ReactionKind.RetryOnNewConnection, notSent.Error),
        DeliveryAnswer.NoAnswer unknown => new(ReactionKind.RetryOnNewConnection, unknown.Error, MayStillArrive: true),
        DeliveryAnswer.NoCredential credential => new(ReactionKind.PauseForAuthorization, credential.Error),
        DeliveryAnswer.Response response => To(response, dialect, lines),
        _ => throw new ArgumentOutOfRangeException(nameof(answer)),
    };

    private static DeliveryReaction To(DeliveryAnswer.Response response, TelegrafDialect dialect, IReadOnlyList<string> lines)
    {
        var error = ReceiverError.Read(response.Body);
        var reason = error.Message.Length == 0 ? $"HTTP {response.Status}" : $"HTTP {response.Status}: {error.Message}";
        switch (response.Status)
        {
            case 204:
            case >= 200 and < 300 when dialect == TelegrafDialect.HttpListenerV2:
                return new(ReactionKind.Delivered, "");
            case 400:
            case 422:
                return ToRefusedLines(error, reason, lines);
            case 401:
            case 403:
                return new(ReactionKind.PauseForAuthorization, reason + ": the receiver does not take this token or password");
            case 404 when dialect == TelegrafDialect.InfluxDbV1 && error.Message.Contains("database not found", StringComparison.OrdinalIgnoreCase):
                return new(ReactionKind.CreateDatabase, reason);
            case 408:
            case 502:
            case 504:
            case 500 when error.Message.Contains("timeout", StringComparison.OrdinalIgnoreCase):
                // The lines may still be on their way behind the proxy that answered.
                return new(ReactionKind.RetryOnNewConnection, reason, MayStillArrive: true);
            case 410:
            case >= 500:
                return new(ReactionKind.RetryOnNewConnection, reason, RetryAfter: response.RetryAfter);
            case 413:
                return new(response.Body.Length == 0 ? ReactionKind.SplitPoints : ReactionKind.SplitBytes, reason);
            case 429:
                return new(ReactionKind.BackOffAndShrink, reason, RetryAfter: response.RetryAfter);
            default:
                return new(ReactionKind.PauseForConfiguration, reason + ": check url and dialect under [gateway.telegraf]");
        }
    }

    private static DeliveryReaction ToRefusedLines(ReceiverError error, string reason, IReadOnlyList<string> lines)
    {
        if (error.Message.Contains("too large", StringComparison.OrdinalIgnoreCase))
        {
            return new(ReactionKind.SplitBytes, reason);
        }

        if (error.Message.Contains("gzip", StringComparison.OrdinalIgnoreCase) && !error.Message.Contains("parse", StringComparison.OrdinalIgnoreCase))
        {
            return new(ReactionKind.SendUncompressed, reason);
        }

        if (error.Code == "internal error")
        {
            return new(ReactionKind.RetryOnNewConnection, reason);
        }

        return error.LineIn(lines) is { } line
            ? new(ReactionKind.QuarantineLine, reason, line)
            : new(ReactionKind.Bisect, reason, ConflictingField: error.ConflictingField);
    }
}
