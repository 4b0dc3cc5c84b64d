using System.Buffers;

namespace FleetVibe.Simulator.Traffic;

/// <summary>Makes request logs of any length with known durations.</summary>
public static class RequestLogWriter
{
    /// <summary>Writes a log of <paramref name="lines"/> requests in the order of their ends, spread as a Poisson process. The same arguments give the same bytes.</summary>
    /// <param name="path">Overwritten.</param>
    /// <param name="start">End of the first request at the earliest, in whole milliseconds.</param>
    /// <param name="requestsPerSecond">Mean rate, so the log spans about lines / rate seconds.</param>
    /// <returns>What stands in the log.</returns>
    public static Truth Write(
        string path,
        int lines,
        int seed,
        DateTimeOffset start,
        double requestsPerSecond = 100,
        LatencyProfile? profile = null,
        string node = "node-1",
        string model = "vibethinker-1.5b",
        string task = "algorithm_reasoning")
    {
        var stream = new RequestStream(
            new StreamIdentity(node, Path.GetFileName(path), "json_log", model, task), profile ?? LatencyProfile.Usual, seed);
        var requests = new List<FinishedRequest>(lines);
        var at = start;
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
        var buffer = new ArrayBufferWriter<byte>(1 << 16);
        for (var i = 0; i < lines; i++)
        {
            at += stream.NextGap(requestsPerSecond);
            var request = stream.Next(at.ToUnixTimeMilliseconds());
            requests.Add(request);
            RequestLog.WriteLine(buffer, request);
            if (buffer.WrittenCount > 1 << 15)
            {
                file.Write(buffer.WrittenSpan);
                buffer.Clear();
            }
        }

        file.Write(buffer.WrittenSpan);
        return new Truth(requests);
    }
}
