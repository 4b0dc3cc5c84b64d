namespace FleetVibe.Agent.Sources.Http;

/// <summary>A page as it was received, decompressed.</summary>
/// <param name="Body">At most <see cref="BoundedBody.MaxBytes"/>.</param>
/// <param name="MediaType">Lower case, without parameters; null where the server named none.</param>
/// <param name="At">When the last byte was in.</param>
internal sealed record FetchedPage(ReadOnlyMemory<byte> Body, string? MediaType, DateTimeOffset At);

/// <summary>What a fetch came to: a page, or why there is none.</summary>
/// <param name="Text">One line with the thing, the place and the cure, without secrets; empty where there is a page.</param>
/// <param name="MayRetry">A second attempt may well succeed.</param>
internal sealed record FetchOutcome(FetchedPage? Page, ErrorClass? Error, string Text, bool MayRetry = false)
{
    public static FetchOutcome Failed(ErrorClass error, string text, bool mayRetry = false) =>
        new(null, error, text, mayRetry);
}
