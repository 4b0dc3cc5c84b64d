using System.Text.Encodings.Web;
using System.Text.Json;
using FleetVibe.Chaos.Oracle;

namespace FleetVibe.Chaos.Reporting;

/// <summary>The result of one campaign, as its JSON file holds it (in snake_case).</summary>
public sealed record CampaignReport
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public required int Seed { get; init; }

    /// <summary>Faults that were done, by kind.</summary>
    public required SortedDictionary<string, int> Faults { get; init; }

    public required long Requests { get; init; }

    public required long Committed { get; init; }

    public required long Refused { get; init; }

    public required SortedDictionary<string, long> RefusedByReason { get; init; }

    public required long Lost { get; init; }

    public required long Duplicated { get; init; }

    public required long Shrunk { get; init; }

    /// <summary>The longest time from the end of a window to its first point at Telegraf, in seconds.</summary>
    public required double WorstGapS { get; init; }

    /// <summary>Largest relative error of a percentile, e.g. 0.0054.</summary>
    public required double WorstPercentileError { get; init; }

    /// <summary>Length of the campaign in seconds.</summary>
    public required double Seconds { get; init; }

    public required int Nodes { get; init; }

    /// <summary>One on SQLite; several on one PostgreSQL.</summary>
    public required int Gateways { get; init; }

    /// <summary>Of the binary under test.</summary>
    public required string Version { get; init; }

    /// <summary>What is wrong, in words; the first fifty.</summary>
    public required IReadOnlyList<string> Mismatches { get; init; }

    /// <param name="seconds">Length of the campaign.</param>
    public static CampaignReport Of(
        int seed, IReadOnlyDictionary<string, int> faults, Verdict verdict, double seconds, int nodes, int gateways, string version) => new()
    {
        Seed = seed,
        Faults = new SortedDictionary<string, int>(faults.ToDictionary(), StringComparer.Ordinal),
        Requests = verdict.Requests,
        Committed = verdict.Committed,
        Refused = verdict.Refused,
        RefusedByReason = new SortedDictionary<string, long>(verdict.RefusedByReason.ToDictionary(), StringComparer.Ordinal),
        Lost = verdict.Lost,
        Duplicated = verdict.Duplicated,
        Shrunk = verdict.Shrunk,
        WorstGapS = Math.Round(verdict.WorstGapSeconds, 1),
        WorstPercentileError = Math.Round(verdict.WorstPercentileError, 6),
        Seconds = Math.Round(seconds, 1),
        Nodes = nodes,
        Gateways = gateways,
        Version = version,
        Mismatches = [.. verdict.Mismatches.Select(mismatch => mismatch.ToString())],
    };

    /// <exception cref="InvalidDataException">The file is no report; the message names it.</exception>
    public static CampaignReport Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<CampaignReport>(File.ReadAllText(path), Json) ?? throw new JsonException("null");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path} is no report of a campaign: {e.Message}", e);
        }
    }

    /// <summary>Writes the file whole or not at all.</summary>
    public void Write(string path)
    {
        var next = path + ".new";
        File.WriteAllText(next, JsonSerializer.Serialize(this, Json) + "\n");
        File.Move(next, path, overwrite: true);
    }
}
