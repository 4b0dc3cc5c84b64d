namespace FleetVibe.Metrics.LineProtocol;

/// <summary>The type of a field. InfluxDB fixes it with the first point of a series of shards.</summary>
public enum FieldKind
{
    Float,
    Integer,
    Unsigned,
    Boolean,
    Text,
}

/// <summary>Value of a field; the member that <see cref="Kind"/> names holds it.</summary>
public readonly record struct FieldValue
{
    private FieldValue(FieldKind kind) => Kind = kind;

    public FieldKind Kind { get; }

    public double Float { get; private init; }

    public long Integer { get; private init; }

    public ulong Unsigned { get; private init; }

    public bool Boolean { get; private init; }

    /// <summary>Null unless <see cref="Kind"/> is <see cref="FieldKind.Text"/>.</summary>
    public string? Text { get; private init; }

    public static FieldValue Of(double value) => new(FieldKind.Float) { Float = value };

    public static FieldValue Of(long value) => new(FieldKind.Integer) { Integer = value };

    public static FieldValue Of(ulong value) => new(FieldKind.Unsigned) { Unsigned = value };

    public static FieldValue Of(bool value) => new(FieldKind.Boolean) { Boolean = value };

    public static FieldValue Of(string value) => new(FieldKind.Text) { Text = value };
}
