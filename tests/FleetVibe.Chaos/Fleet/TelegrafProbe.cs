using System.Text.Json;
using System.Text.Json.Serialization;
using FleetVibe.Metrics.LineProtocol;
using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.Chaos.Fleet;

/// <summary>The pages that only the stand-in for Telegraf has: what it holds, what it saw done wrong, and its faults.</summary>
internal sealed class TelegrafProbe(int port) : IDisposable
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, Converters = { new JsonStringEnumConverter() },
    };

    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(5) });

    public async Task<IReadOnlyList<StoredPoint>> PointsAsync(CancellationToken cancellationToken) =>
        [.. (await LinesAsync<PointLine>("_points", cancellationToken)).Select(line => line.ToPoint())];

    public async Task<IReadOnlyList<string>> ViolationsAsync(CancellationToken cancellationToken) =>
        [.. (await LinesAsync<ViolationLine>("_violations", cancellationToken)).Select(line => $"{line.Kind}: {line.Text}")];

    /// <summary>The next writes fail so.</summary>
    public async Task QueueFaultsAsync(TelegrafFault fault, int times, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Address($"_faults?kind={fault}&times={times}"));
        using var answer = await _client.SendAsync(request, cancellationToken);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>From now on writes succeed.</summary>
    public async Task ForgetFaultsAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, Address("_faults"));
        using var answer = await _client.SendAsync(request, cancellationToken);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Whether it serves.</summary>
    public async Task<bool> IsUpAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await _client.SendAsync(new HttpRequestMessage(HttpMethod.Get, Address("ping")), cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    public void Dispose() => _client.Dispose();

    private Uri Address(string page) => new($"http://127.0.0.1:{port}/{page}");

    private async Task<IReadOnlyList<T>> LinesAsync<T>(string page, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Address(page));
        using var answer = await _client.SendAsync(request, cancellationToken);
        answer.EnsureSuccessStatusCode();
        var text = await answer.Content.ReadAsStringAsync(cancellationToken);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<T>(line, Json)!)];
    }

    private sealed record ViolationLine(string Kind, string Text);

    private sealed record PointLine(
        string Measurement, Dictionary<string, string> Tags, long TimestampNs, Dictionary<string, JsonElement> Fields, Dictionary<string, FieldKind> Types,
        long[] Revisions, long Writes, long FirstWriteNs)
    {
        public StoredPoint ToPoint() =>
            new(Measurement, Tags, TimestampNs, Fields.ToDictionary(field => field.Key, field => Value(field.Value, Types[field.Key])), Revisions, Writes)
            {
                FirstWriteNs = FirstWriteNs,
            };

        private static FieldValue Value(JsonElement value, FieldKind kind) => kind switch
        {
            FieldKind.Float => FieldValue.Of(value.GetDouble()),
            FieldKind.Integer => FieldValue.Of(value.GetInt64()),
            FieldKind.Unsigned => FieldValue.Of(value.GetUInt64()),
            FieldKind.Boolean => FieldValue.Of(value.GetBoolean()),
            _ => FieldValue.Of(value.GetString()!),
        };
    }
}
