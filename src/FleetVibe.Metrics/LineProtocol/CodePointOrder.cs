namespace FleetVibe.Metrics.LineProtocol;

/// <summary>The order of two strings' UTF-8 bytes. It differs from their UTF-16 order above U+D7FF.</summary>
internal static class CodePointOrder
{
    internal static int Compare(string a, string b)
    {
        var common = a.AsSpan().CommonPrefixLength(b);
        if (common == a.Length || common == b.Length)
        {
            return a.Length.CompareTo(b.Length);
        }

        var (x, y) = (a[common], b[common]);
        return (char.IsSurrogate(x), char.IsSurrogate(y)) switch
        {
            (true, false) => y >= 0xE000 ? 1 : x.CompareTo(y),
            (false, true) => x >= 0xE000 ? -1 : x.CompareTo(y),
            _ => x.CompareTo(y),
        };
    }
}
