namespace FleetVibe.Metrics.Exposition.Strict;

/// <summary>Names that may stand without quotation marks.</summary>
internal static class StrictNames
{
    public static bool IsBareMetric(string name) => IsBare(name) && !char.IsAsciiDigit(name[0]);

    public static bool IsBareLabel(string name) => IsBareMetric(name) && !name.Contains(':', StringComparison.Ordinal);

    private static bool IsBare(string name) => name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or ':');
}
