using System.Text.Json;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Simulator.Nodes;

/// <summary>
/// The one place where requests finish: truth, then log, then counters, under one lock. So whatever a reader can count is
/// in the truth already, and a page shows each request whole or not at all. Thread safe.
/// </summary>
internal sealed class NodeEngine : IDisposable
{
    /// <summary>A process that was stopped for longer finishes nothing for the time that it missed.</summary>
    private static readonly TimeSpan LongestCatchUp = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly SimulatedNodeSettings _settings;
    private readonly TruthWriter _truth;
    private readonly RequestLog _log;
    private readonly RequestStream _stream;
    private readonly Random _gaugeRandom;
    private EngineCounters _counters;
    private EngineGauges _gauges = new();
    private DateTimeOffset? _next;
    private long _finished;

    public NodeEngine(SimulatedNodeSettings settings, TruthWriter truth, string logPath, DateTimeOffset now)
    {
        _settings = settings;
        _truth = truth;
        _log = new RequestLog(logPath, settings.LogRotateEvery, settings.LogKeep);
        _stream = new RequestStream(
            new StreamIdentity(settings.Name, settings.Target ?? Path.GetFileName(logPath), settings.Source, settings.Model, settings.Task),
            settings.Latency,
            settings.Seed);
        _gaugeRandom = new Random(settings.Seed);
        _counters = new EngineCounters(settings.Vllm, now);
    }

    public long Finished
    {
        get
        {
            lock (_lock)
            {
                return _finished;
            }
        }
    }

    public EngineGauges Gauges
    {
        get
        {
            lock (_lock)
            {
                return _gauges;
            }
        }
    }

    /// <summary>Finishes what the Poisson process lets end up to now, each at its own moment.</summary>
    /// <returns>When the next one ends.</returns>
    public DateTimeOffset FinishUntil(DateTimeOffset now)
    {
        lock (_lock)
        {
            var due = _next ?? now + _stream.NextGap(_settings.RequestsPerSecond);
            if (now - due > LongestCatchUp)
            {
                due = now;
            }

            var batch = new List<FinishedRequest>();
            while (due <= now)
            {
                batch.Add(_stream.Next(due.ToUnixTimeMilliseconds()));
                due += _stream.NextGap(_settings.RequestsPerSecond);
            }

            Finish(batch);
            _next = due;
            return due;
        }
    }

    public IReadOnlyList<FinishedRequest> FinishNow(int count, DateTimeOffset now)
    {
        lock (_lock)
        {
            var batch = new List<FinishedRequest>(count);
            for (var i = 0; i < count; i++)
            {
                batch.Add(_stream.Next(now.ToUnixTimeMilliseconds()));
            }

            Finish(batch);
            return batch;
        }
    }

    /// <summary>Counters at zero, a new start time.</summary>
    public void Restart(DateTimeOffset now)
    {
        lock (_lock)
        {
            _counters = new EngineCounters(_settings.Vllm, now);
            _next = null;
        }
    }

    public EngineGauges Tick(bool busy, bool wedged)
    {
        lock (_lock)
        {
            return _gauges = _gauges.Next(_gaugeRandom, _settings.Latency, _settings.RequestsPerSecond, busy, wedged);
        }
    }

    public byte[] RenderMetrics(NodeFault fault)
    {
        lock (_lock)
        {
            return VllmPage.Render(_settings.Vllm, _settings.Model, _counters, _gauges, fault);
        }
    }

    /// <summary>The JSON summary of a VibeThinker FastAPI script: counters since the start, and gauges.</summary>
    public byte[] RenderSummary(NodeFault fault)
    {
        lock (_lock)
        {
            return JsonSerializer.SerializeToUtf8Bytes(
                new Dictionary<string, object?>
                {
                    ["model"] = fault == NodeFault.NewlineInLabel ? _settings.Model + "\nforged,host=evil" : _settings.Model,
                    ["task"] = _settings.Task,
                    ["requests"] = _counters.Requests,
                    ["input_tokens"] = _counters.PromptTokens,
                    ["output_tokens"] = _counters.CompletionTokens,
                    ["errors"] = _counters.Errors,
                    ["response_time_ms"] = fault == NodeFault.NaN ? "NaN" : _counters.LastDurationMs,
                    ["gpu_util_percent"] = fault == NodeFault.NaN ? "NaN" : _gauges.GpuUtilPercent,
                });
        }
    }

    public void Dispose() => _log.Dispose();

    private void Finish(List<FinishedRequest> batch)
    {
        if (batch.Count == 0)
        {
            return;
        }

        _truth.Append(batch);
        _finished += batch.Count;
        _log.Append(batch);
        foreach (var request in batch)
        {
            _counters.Add(request);
        }
    }
}
