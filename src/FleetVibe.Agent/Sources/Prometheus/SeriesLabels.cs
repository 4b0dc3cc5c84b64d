using System.Text;

namespace FleetVibe.Agent.Sources.Prometheus;

/// <summary>The identity of a series within its page, out of the raw bytes of its labels.</summary>
internal static class SeriesLabels
{
    /// <summary>
    /// The labels without those named, sorted, values as they stand on the wire. Two samples with the same labels are the same
    /// series whatever order their server writes them in.
    /// </summary>
    public static string Without(ReadOnlySpan<byte> raw, IReadOnlyCollection<string> names) => Chosen(raw, names, named: false);

    /// <summary>Those of the labels that are named, in the same form.</summary>
    public static string Only(ReadOnlySpan<byte> raw, IReadOnlyCollection<string> names) => Chosen(raw, names, named: true);

    private static string Chosen(ReadOnlySpan<byte> raw, IReadOnlyCollection<string> names, bool named)
    {
        var kept = new List<string>();
        while (!raw.IsEmpty)
        {
            var label = Encoding.UTF8.GetString(Take(ref raw)).Trim();
            var name = label.AsSpan(0, Math.Max(label.IndexOf('=', StringComparison.Ordinal), 0)).Trim().Trim('"');
            if (!name.IsEmpty && IsAmong(name, names) == named)
            {
                kept.Add(label);
            }
        }

        kept.Sort(StringComparer.Ordinal);
        return string.Join(',', kept);
    }

    private static bool IsAmong(ReadOnlySpan<char> name, IReadOnlyCollection<string> names)
    {
        foreach (var candidate in names)
        {
            if (name.SequenceEqual(candidate))
            {
                return true;
            }
        }

        return false;
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> raw)
    {
        var quoted = false;
        for (var i = 0; i < raw.Length; i++)
        {
            switch (raw[i])
            {
                case (byte)'\\' when quoted:
                    i++;
                    break;
                case (byte)'"':
                    quoted = !quoted;
                    break;
                case (byte)',' when !quoted:
                    var label = raw[..i];
                    raw = raw[(i + 1)..];
                    return label;
                default:
                    break;
            }
        }

        var last = raw;
        raw = default;
        return last;
    }
}
