namespace FleetVibe.Gateway.Points;

/// <summary>
/// Fields of a vibe_fleet point that a later revision may no longer know. InfluxDB keeps a field that a revision leaves out, so
/// one that was written once is written in every later revision of its point. Stored as a number: values are append-only.
/// </summary>
[Flags]
internal enum FleetFields
{
    None = 0,
    ResponseTimeMin = 1 << 0,
    ResponseTimeMax = 1 << 1,
    ResponseTimeP50High = 1 << 2,
    ResponseTimeP95High = 1 << 3,
    ResponseTimeP99High = 1 << 4,
    TtftP50High = 1 << 5,
    TtftP95High = 1 << 6,
    TtftP99High = 1 << 7,
}
