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
        var shortest = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture);
        var e = shortest.IndexOf('E', StringComparison.Ordinal);
        var plain = e < 0 ? shortest : shortest[..e];
        var power = e < 0 ? 0 : int.Parse(shortest.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var whole = plain.Split('.')[0];
        var all = plain.Replace(".", "", StringComparison.Ordinal);
        var digits = all.TrimStart('0').TrimEnd('0');
        var sign = double.IsNegative(value) ? "-" : "";
        if (digits.Length == 0)
        {
            return sign + "0.0";
        }

        // value = 0.digits * 10^point
        var point = whole.Length + power - (all.Length - all.TrimStart('0').Length);
        if (point is < -3 or > 16)
        {
            var fraction = digits.Length > 1 ? "." + digits[1..] : "";
            return string.Create(CultureInfo.InvariantCulture, $"{sign}{digits[0]}{fraction}e{(point > 0 ? '+' : '-')}{Math.Abs(point - 1):00}");
        }

        return point <= 0
            ? $"{sign}0.{new string('0', -point)}{digits}"
            : digits.Length <= point
                ? $"{sign}{digits.PadRight(point, '0')}.0"
                : $"{sign}{digits[..point]}.{digits[point..]}";
    }
}
