using System.Buffers.Text;

namespace FleetVibe.Agent.Sources.JsonLog.Formats;

/// <summary>
/// The line that vLLM writes every 10 s, <c>INFO 11-24 06:00:04 [loggers.py:118] Engine 000: Avg prompt throughput: ...,
/// Running: 4 reqs, Waiting: 0 reqs, GPU KV cache usage: 12.3%</c>: gauges, no requests. Several engines write a line each;
/// running and waiting are added up, the KV cache is their mean.
/// </summary>
internal sealed class VllmStatsFormat(JsonLogSourceSettings settings) : ILineFormat
{
    // Three of its lines; an engine that writes none for so long is idle or gone.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(30);

    private readonly PlainText _plain = new();
    private readonly SeriesInterner _series = new(settings.Model, settings.Task, settings.Variant);
    private readonly Dictionary<(ulong File, int Engine), Statistics> _engines = [];

    public ParsedLine Read(ReadOnlySpan<byte> line, in LineContext context)
    {
        line = _plain.Of(line);
        if (line.IndexOf("Avg prompt throughput: "u8) is not (>= 0 and var at) || !TryNumber(line, "Running: "u8, out var running))
        {
            return ParsedLine.Other;
        }

        if (_series.Find(default, default, default) is not { } id)
        {
            return ParsedLine.Skip(SkipReason.ModelMissing);
        }

        // v0 called them pending.
        double? waiting = TryNumber(line, "Waiting: "u8, out var number) || TryNumber(line, "Pending: "u8, out number) ? number : null;
        double? cache = TryNumber(line, "KV cache usage: "u8, out var percent) && percent <= 100 ? percent : null;
        var moment = context.Written ?? (TryTime(line[..at], context.ReadAt, out var written) ? written : context.ReadAt);
        _engines[(context.File, EngineOf(line[..at]))] = new Statistics(moment, running, waiting, cache);
        foreach (var stale in _engines.Where(engine => moment - engine.Value.At > Fresh).Select(engine => engine.Key).ToList())
        {
            _engines.Remove(stale);
        }

        return ParsedLine.Of(new ModelGauges(id, moment)
        {
            Running = (long)_engines.Values.Sum(engine => engine.Running),
            Waiting = (long?)_engines.Values.Aggregate((double?)null, (sum, engine) => engine.Waiting is { } more ? (sum ?? 0) + more : sum),
            KvCachePercent = _engines.Values.Average(engine => engine.KvCachePercent),
        });
    }

    private static int EngineOf(ReadOnlySpan<byte> prefix)
    {
        var at = prefix.LastIndexOf("Engine "u8);
        return at >= 0 && Utf8Parser.TryParse(prefix[(at + 7)..], out int engine, out _) ? engine : 0;
    }

    /// <summary>Without year and zone, behind the level.</summary>
    private bool TryTime(ReadOnlySpan<byte> prefix, DateTimeOffset now, out DateTimeOffset moment)
    {
        moment = default;
        var level = prefix.IndexOf("INFO "u8);
        return level >= 0 && LogTimestamp.TryParseWithoutYear(prefix[(level + 5)..], settings.TimeZone, now, out moment);
    }

    private static bool TryNumber(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name, out double value)
    {
        value = 0;
        var at = line.IndexOf(name);
        return at >= 0 && Utf8Parser.TryParse(line[(at + name.Length)..], out value, out _) && value is >= 0 and <= 1e9;
    }

    private sealed record Statistics(DateTimeOffset At, double Running, double? Waiting, double? KvCachePercent);
}
