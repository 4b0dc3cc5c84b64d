namespace FleetVibe.Gateway.Delivery;

/// <summary>What came of one request to Telegraf.</summary>
internal abstract record DeliveryAnswer
{
    private DeliveryAnswer()
    {
    }

    /// <param name="Body">The first 64 KiB.</param>
    /// <param name="RetryAfter">Telegraf sends none; a proxy before it may.</param>
    internal sealed record Response(int Status, string Body, TimeSpan? RetryAfter = null) : DeliveryAnswer;

    /// <summary>Not one byte of the lines left this process.</summary>
    internal sealed record NotSent(string Error) : DeliveryAnswer;

    /// <summary>Lines left, no answer came: they may have arrived, or still be under way.</summary>
    internal sealed record NoAnswer(string Error) : DeliveryAnswer;

    /// <summary>The token or password cannot be read.</summary>
    internal sealed record NoCredential(string Error) : DeliveryAnswer;
}
