namespace FleetVibe.Agent.Sources.Http;

/// <summary>A page as it was received, decompressed.</summary>
/// <param name="Body">At most <see cref="BoundedBody.MaxBytes"/>.</param>
/// <param name="MediaType">Lower case, without parameters; null where the server named none.</param>
/// <param name="At">When the last byte was in.</param>
internal sealed record FetchedPage(ReadOnlyMemory<byte> Body, string? MediaType, DateTimeOffset At)
{
    /// <summary>Other pages of the same server that were fetched with it, by path; those that failed are missing.</summary>
    public IReadOnlyDictionary<string, FetchedPage> Beside { get; init; } = new Dictionary<string, FetchedPage>();
}

/// <summary>What a fetch came to: a page, or why there is none.</summary>
/// <param name="Text">One line with the thing, the place and the cure, without secrets; empty where there is a page.</param>
/// <param name="MayRetry">A second attempt may well succeed.</param>
internal sealed record FetchOutcome(FetchedPage? Page, ErrorClass? Error, string Text, bool MayRetry = false)
{
    /// <summary>The server answers for its health, though not for this page.</summary>
    public bool IsAlive { get; init; }

    /// <summary>What the source said beside, for whoever reads the log.</summary>
    public string Aside { get; init; } = "";

    public static FetchOutcome Failed(ErrorClass error, string text, bool mayRetry = false) =>
        new(null, error, text, mayRetry);
}
