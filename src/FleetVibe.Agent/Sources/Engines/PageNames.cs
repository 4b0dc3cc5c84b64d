using System.Text;
using FleetVibe.Metrics.Exposition;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>The names on a page, be it of samples or announced by a TYPE, without reading any value.</summary>
internal static class PageNames
{
    /// <summary>More names than this are not looked at.</summary>
    private const int MaxNames = 5000;

    public static IReadOnlyCollection<string> In(ReadOnlyMemory<byte> body)
    {
        body = ExpositionBody.Unquote(body);
        var names = new HashSet<string>(StringComparer.Ordinal);
        ReadOnlySpan<byte> last = default;
        foreach (var range in body.Span.Split((byte)'\n'))
        {
            var line = body.Span[range].Trim(" \t\r"u8);
            line = line.StartsWith("# TYPE "u8) ? line[7..].TrimStart((byte)' ') : line;
            var name = line[..Math.Max(line.IndexOfAny((byte)'{', (byte)' ', (byte)'\t'), 0)];
            if (!name.IsEmpty && name[0] != '#' && !name.SequenceEqual(last) && names.Count < MaxNames)
            {
                names.Add(Encoding.UTF8.GetString(name));
                last = name;
            }
        }

        return names;
    }
}
