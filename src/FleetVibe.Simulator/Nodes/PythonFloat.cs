using System.Globalization;

namespace FleetVibe.Simulator.Nodes;

/// <summary>Floats as prometheus client_python writes them: Python's repr, with Go's exponent above a million.</summary>
internal static class PythonFloat
{
    public static string Format(double value)
    {
        if (double.IsNaN(value))
        {
            return "NaN";
        }

        if (double.IsInfinity(value))
        {
            return value > 0 ? "+Inf" : "-Inf";
        }

        var repr = Repr(value);
        var dot = repr.IndexOf('.', StringComparison.Ordinal);
        if (!(value > 0) || dot <= 6)
        {
            return repr;
        }

        // The exponent's "0" stands there whatever its length: 1e11 really comes out as 1e+011.
        var mantissa = $"{repr[0]}.{repr[1..dot]}{repr[(dot + 1)..]}".TrimEnd('0', '.');
        return string.Create(CultureInfo.InvariantCulture, $"{mantissa}e+0{dot - 1}");
    }

    /// <summary>The shortest text that reads back as the same double; an exponent below 1e-4 and from 1e16.</summary>
    private static string Repr(double value)
    {
        var shortest = value.ToString("R", CultureInfo.InvariantCulture);
        var e = shortest.IndexOf('E', StringComparison.Ordinal);
        if (e < 0)
        {
            // .NET writes 0.00001 with an exponent and 0.00012 without, as Python does; only the ".0" is missing.
            return shortest.Contains('.', StringComparison.Ordinal) ? shortest : shortest + ".0";
        }

        var exponent = int.Parse(shortest.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent != 15)
        {
            return string.Create(
                CultureInfo.InvariantCulture, $"{shortest[..e]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
        }

        // The one exponent that .NET writes and Python does not.
        var sign = value < 0 ? "-" : "";
        var digits = shortest[sign.Length..e].Replace(".", "", StringComparison.Ordinal).PadRight(17, '0');
        var fraction = digits[16..].TrimEnd('0');
        return $"{sign}{digits[..16]}.{(fraction.Length == 0 ? "0" : fraction)}";
    }
}
