namespace FleetVibe.Gateway.Delivery;

/// <summary>Whether points could be delivered.</summary>
/// <param name="Text">One line for a user: what was found, or what is wrong and its cure. No secrets.</param>
public sealed record TelegrafProbeResult(bool Ok, string Text);

/// <summary>One write without a point, as the deliverer would send it: it tests address, TLS, credential and dialect.</summary>
public static class TelegrafProbe
{
    /// <exception cref="InvalidOperationException">A credential would go over plain http, or stands in the address.</exception>
    public static async Task<TelegrafProbeResult> ProbeAsync(TelegrafSettings settings, TimeProvider time, CancellationToken cancellation)
    {
        using var client = new TelegrafClient(settings, time);
        var answer = await client.SendAsync([], time.GetUtcNow() + settings.Timeout, cancellation);
        return Judge(answer, settings);
    }

    internal static TelegrafProbeResult Judge(DeliveryAnswer answer, TelegrafSettings settings)
    {
        var place = settings.Url.GetLeftPart(UriPartial.Authority);
        if (answer is DeliveryAnswer.Response { Status: >= 200 and < 300 } taken)
        {
            return new TelegrafProbeResult(true, $"{place} takes writes (HTTP {taken.Status} to an empty one)");
        }

        var reaction = DeliveryReaction.To(answer, settings.Dialect, []);
        return reaction.Kind switch
        {
            ReactionKind.CreateDatabase when settings.CreateDatabase => new(true, $"{place}: database {settings.Database} is missing and is created at the first write"),
            ReactionKind.CreateDatabase => new(false, $"{place}: {reaction.Reason}: create database {settings.Database}, or set create_database = true"),
            ReactionKind.PauseForAuthorization => new(false, $"{place}: {reaction.Reason}: correct token_file, or username and password_file, under [gateway.telegraf]"),
            ReactionKind.BackOffAndShrink => new(true, $"{place} is there and has its hands full ({reaction.Reason}); points wait in the outbox meanwhile"),
            ReactionKind.RetryOnNewConnection when answer is not DeliveryAnswer.Response => new(false, $"{place} cannot be reached: {reaction.Reason}: check url under [gateway.telegraf], and that the listener runs"),
            _ => new(false, $"{place}: {reaction.Reason}"),
        };
    }
}
