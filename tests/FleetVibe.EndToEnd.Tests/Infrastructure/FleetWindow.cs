using System.Text.Json;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>One row of vibe_fleet as InfluxDB gives it back. Latencies in milliseconds.</summary>
internal sealed record FleetWindow(long Start, IReadOnlyDictionary<string, JsonElement> Row)
{
    public long Requests => Integer("requests");

    public long Errors => Integer("errors");

    public long InputTokens => Integer("input_tokens");

    public long OutputTokens => Integer("output_tokens");

    public bool Final => Row["final"].GetBoolean();

    public double? Number(string field) =>
        Row.TryGetValue(field, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    public static FleetWindow From(IReadOnlyDictionary<string, JsonElement> row) => new(row["time"].GetInt64() / 1_000_000_000, row);

    private long Integer(string field) => Row[field].GetInt64();
}
