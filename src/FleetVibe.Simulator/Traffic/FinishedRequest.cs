using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace FleetVibe.Simulator.Traffic;

/// <summary>
/// The exact truth about one finished request. As a line of a truth file: its properties but the id, in snake_case.
/// </summary>
public sealed record FinishedRequest
{
    /// <summary>Statuses, as the log writes them.</summary>
    public const string Stop = "stop", LengthLimited = "length", Error = "error";

    internal static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The host that served it.</summary>
    public required string Node { get; init; }

    /// <summary>The <c>target</c> tag under which it is expected.</summary>
    public required string Target { get; init; }

    /// <summary>Kind of the source that counts it, e.g. <c>json_log</c>.</summary>
    public required string Source { get; init; }

    public required string Model { get; init; }

    public required string Task { get; init; }

    /// <summary>When it ended, in unix milliseconds: the log line's timestamp.</summary>
    public required long CompletedMs { get; init; }

    /// <summary>50 to 1,800,000, in whole microseconds.</summary>
    public required double DurationMs { get; init; }

    /// <summary>Time to first token; above zero and below <see cref="DurationMs"/>.</summary>
    public required double TtftMs { get; init; }

    public required long PromptTokens { get; init; }

    public required long CompletionTokens { get; init; }

    /// <summary><c>stop</c>, <c>length</c> or <c>error</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Only in the request log.</summary>
    [JsonIgnore]
    public string RequestId { get; init; } = "";

    [JsonIgnore]
    public bool IsError => Status == Error;

    [JsonIgnore]
    public bool IsLengthLimited => Status == LengthLimited;

    [JsonIgnore]
    public DateTimeOffset CompletedAt => DateTimeOffset.FromUnixTimeMilliseconds(CompletedMs);

    /// <summary>The line of a truth file, with its newline.</summary>
    internal byte[] ToTruthLine() => [.. JsonSerializer.SerializeToUtf8Bytes(this, Json), (byte)'\n'];
}
