using FleetVibe.Agent.Sources.Http;

namespace FleetVibe.Agent.Sources.Prometheus;

/// <summary>Whether a body can be an exposition at all, and which part of it is whole.</summary>
internal static class PageBody
{
    public const string Accept = "text/plain;version=0.0.4,*/*;q=0.1";

    /// <summary>What the body is instead of an exposition; null where it may be one.</summary>
    public static string? WhatElse(FetchedPage page)
    {
        var start = page.Body.Span.TrimStart("\ufeff \t\r\n"u8);
        return page.MediaType switch
        {
            "text/html" or "application/xhtml+xml" => "an HTML page",
            "application/json" => "JSON",
            _ when start.IsEmpty => null,
            _ => start[0] switch
            {
                (byte)'<' => "an HTML page",

                // A quoted metric name begins with a brace too, but then with its quotation mark and no colon behind.
                (byte)'[' => "JSON",
                (byte)'{' when start.IndexOf("\":"u8) is > 0 and < 200 => "JSON",
                _ => null,
            },
        };
    }

    public static bool IsEmpty(FetchedPage page) => page.Body.Span.IndexOfAnyExcept(" \t\r\n"u8) < 0;

    /// <summary>
    /// The body up to its last line end. What stands behind may be the beginning of a number, and half a number looks like a
    /// counter that fell.
    /// </summary>
    public static ReadOnlySpan<byte> WholeLines(FetchedPage page, out bool cutOff)
    {
        var body = page.Body.Span;
        var end = body.LastIndexOf((byte)'\n') + 1;
        cutOff = end < body.Length && !body[end..].SequenceEqual("# EOF"u8);
        return cutOff ? body[..end] : body;
    }
}
