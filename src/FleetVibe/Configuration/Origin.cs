namespace FleetVibe.Configuration;

/// <summary>Where a value was written: a place in a file, or an environment variable.</summary>
/// <param name="Source">File, or name of the variable.</param>
/// <param name="Line">From 1; 0 where there is no line.</param>
/// <param name="Column">From 1; 0 where there is no column.</param>
internal readonly record struct Origin(string Source, int Line = 0, int Column = 0)
{
    public static Origin OfVariable(string name) => new("environment variable " + name);

    public override string ToString() => Line == 0 ? Source : $"{Source}:{Line}:{Column}";
}
