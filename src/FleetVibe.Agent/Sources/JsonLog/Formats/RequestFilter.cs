using System.IO.Enumeration;
using System.Text;

namespace FleetVibe.Agent.Sources.JsonLog.Formats;

/// <summary>
/// Which lines of an access log are requests to a model: POSTs, and of those the ones to the configured paths. Each of the
/// two is left open where the line does not tell it.
/// </summary>
internal sealed class RequestFilter(IReadOnlyList<string>? onlyPaths)
{
    private const int MaxPathBytes = 512;

    /// <param name="method">A method, or a whole request line; one that is there and empty belongs to a request that nobody could read.</param>
    public static bool IsPost(ReadOnlySpan<byte> method) => Token(method, 0).SequenceEqual("POST"u8);

    /// <param name="path">A path with or without its query, or a whole request line.</param>
    public bool Takes(ReadOnlySpan<byte> path)
    {
        if (onlyPaths is null)
        {
            return true;
        }

        path = path.StartsWith("/"u8) ? path : Token(path, 1);
        var query = path.IndexOf((byte)'?');
        path = query < 0 ? path : path[..query];
        Span<char> text = stackalloc char[MaxPathBytes];
        var name = text[..Encoding.UTF8.GetChars(path[..Math.Min(path.Length, MaxPathBytes)], text)];
        foreach (var pattern in onlyPaths)
        {
            if (FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false))
            {
                return true;
            }
        }

        return false;
    }

    private static ReadOnlySpan<byte> Token(ReadOnlySpan<byte> text, int number)
    {
        for (; number > 0; number--)
        {
            var blank = text.IndexOf((byte)' ');
            text = blank < 0 ? default : text[(blank + 1)..];
        }

        var end = text.IndexOf((byte)' ');
        return end < 0 ? text : text[..end];
    }
}
