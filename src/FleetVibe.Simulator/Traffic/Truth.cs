using System.Text.Json;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Simulator.Traffic;

/// <summary>What really happened, read from truth files: exact counts and exact percentiles to hold results against. Immutable.</summary>
public sealed class Truth
{
    private readonly Lazy<double[]> _durations;
    private readonly Lazy<double[]> _ttfts;

    public Truth(IEnumerable<FinishedRequest> requests)
    {
        Requests = [.. requests];
        _durations = new Lazy<double[]>(() => [.. Requests.Select(r => r.DurationMs).Order()]);
        _ttfts = new Lazy<double[]>(() => [.. Requests.Select(r => r.TtftMs).Order()]);
    }

    public IReadOnlyList<FinishedRequest> Requests { get; }

    public long Count => Requests.Count;

    public long Errors => Requests.LongCount(r => r.IsError);

    public long LengthLimited => Requests.LongCount(r => r.IsLengthLimited);

    public long InputTokens => Requests.Sum(r => r.PromptTokens);

    public long OutputTokens => Requests.Sum(r => r.CompletionTokens);

    /// <summary>Null where there is no request.</summary>
    public double? DurationMeanMs => Requests.Count == 0 ? null : Requests.Average(r => r.DurationMs);

    /// <summary>All lines of the files. A last line without its newline is still being written and is not read.</summary>
    /// <exception cref="InvalidDataException">A line is not a truth line; the message names file and line.</exception>
    public static Truth Read(params IEnumerable<string> paths) => new(paths.SelectMany(ReadFile).ToList());

    /// <summary>Exact nearest-rank percentile of the durations: rank ceil(n * k / 1000). Null where there is no request.</summary>
    /// <param name="perMille">1 to 1000, e.g. 950 for p95.</param>
    public double? DurationPercentileMs(int perMille) => NearestRank(_durations.Value, perMille);

    /// <summary>As <see cref="DurationPercentileMs"/>, of the times to first token.</summary>
    public double? TtftPercentileMs(int perMille) => NearestRank(_ttfts.Value, perMille);

    public Truth Where(Func<FinishedRequest, bool> predicate) => new(Requests.Where(predicate));

    /// <summary>By the window of each request's end; the key is the window's start in unix seconds.</summary>
    public IReadOnlyDictionary<long, Truth> ByWindow(int windowSeconds = WindowClock.BaseSeconds) => Requests
        .GroupBy(r => WindowClock.StartOf(r.CompletedAt, windowSeconds))
        .ToDictionary(window => window.Key, window => new Truth(window));

    private static double? NearestRank(double[] sorted, int perMille)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(perMille, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(perMille, 1000);
        return sorted.Length == 0 ? null : sorted[(int)((((long)sorted.Length * perMille) + 999) / 1000) - 1];
    }

    private static IEnumerable<FinishedRequest> ReadFile(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);
        var text = reader.ReadToEnd();
        var number = 0;
        for (var start = 0; text.IndexOf('\n', start) is var end and >= 0; start = end + 1)
        {
            number++;
            var line = text.AsSpan(start, end - start);
            FinishedRequest? request;
            try
            {
                request = JsonSerializer.Deserialize<FinishedRequest>(line, FinishedRequest.Json);
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{path}:{number} is no line of truth: {e.Message}", e);
            }

            yield return request ?? throw new InvalidDataException($"{path}:{number} is no line of truth: null");
        }
    }
}
