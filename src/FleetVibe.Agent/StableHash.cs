using System.Text;

namespace FleetVibe.Agent;

/// <summary>FNV-1a with a final mix, 64 bits: the same in every process, unlike <see cref="string.GetHashCode()"/>.</summary>
internal static class StableHash
{
    internal static ulong Of(params ReadOnlySpan<string> parts)
    {
        var hash = 14695981039346656037UL;
        foreach (var part in parts)
        {
            foreach (var value in Encoding.UTF8.GetBytes(part))
            {
                hash = (hash ^ value) * 1099511628211UL;
            }

            // 0xFF stands in no UTF-8 text, so that ("ab", "c") and ("a", "bc") differ.
            hash = (hash ^ 0xFF) * 1099511628211UL;
        }

        hash = (hash ^ (hash >> 32)) * 0x9E3779B97F4A7C15UL;
        return hash ^ (hash >> 29);
    }
}
