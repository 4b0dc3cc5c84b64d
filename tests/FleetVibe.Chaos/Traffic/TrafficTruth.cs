using FleetVibe.Metrics.Windows;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Chaos.Traffic;

/// <summary>What really happened in a campaign. One writer; read whole only when it has stopped.</summary>
public sealed class TrafficTruth
{
    private readonly Dictionary<(string Model, long Start), TruthWindow> _windows = [];
    private readonly Dictionary<string, NodeTruth> _nodes = new(StringComparer.Ordinal);
    private readonly List<EngineTruth> _engines = [];
    private long _requests;

    /// <summary>Requests of the logs, those of <see cref="Engines"/> not among them. May be read at any time.</summary>
    public long Requests => Interlocked.Read(ref _requests);

    /// <summary>By model and the true base window (unix seconds) of each request's end.</summary>
    public IReadOnlyDictionary<(string Model, long Start), TruthWindow> Windows => _windows;

    /// <summary>Nodes with a request log, by name.</summary>
    public IReadOnlyDictionary<string, NodeTruth> Nodes => _nodes;

    /// <summary>Engines that are only known by their totals.</summary>
    public IReadOnlyList<EngineTruth> Engines => _engines;

    public void Add(FinishedRequest request)
    {
        var key = (request.Model, WindowClock.StartOf(request.CompletedAt));
        if (!_windows.TryGetValue(key, out var window))
        {
            _windows.Add(key, window = new TruthWindow());
        }

        window.Add(request);
        var node = _nodes.GetValueOrDefault(request.Node) ?? new NodeTruth(request.Model, 0);
        _nodes[request.Node] = node with { Requests = node.Requests + 1 };
        Interlocked.Increment(ref _requests);
    }

    /// <summary>Adds an engine whose requests no log tells one by one.</summary>
    public void Add(EngineTruth engine) => _engines.Add(engine);
}

/// <summary>Requests of one node's log.</summary>
public sealed record NodeTruth(string Model, long Requests);

/// <summary>What an engine that is scraped finished in all.</summary>
/// <param name="Model">No model of a log.</param>
/// <param name="Requests">Finished since the first page that the agent read.</param>
public sealed record EngineTruth(string Node, string Model, long Requests);

/// <summary>The requests of one model in one window. Not thread safe.</summary>
public sealed class TruthWindow
{
    private readonly List<float> _durationsMs = [];
    private readonly Dictionary<string, long> _byNode = new(StringComparer.Ordinal);

    public long Requests => _durationsMs.Count;

    public long Errors { get; private set; }

    public long LengthLimited { get; private set; }

    public long InputTokens { get; private set; }

    public long OutputTokens { get; private set; }

    /// <summary>Of every request, in no order; single precision is 10,000 times finer than the bound of a percentile.</summary>
    public IReadOnlyList<float> DurationsMs => _durationsMs;

    /// <summary>Requests by node.</summary>
    public IReadOnlyDictionary<string, long> ByNode => _byNode;

    public void Add(FinishedRequest request)
    {
        _durationsMs.Add((float)request.DurationMs);
        Errors += request.IsError ? 1 : 0;
        LengthLimited += request.IsLengthLimited ? 1 : 0;
        InputTokens += request.PromptTokens;
        OutputTokens += request.CompletionTokens;
        _byNode[request.Node] = _byNode.GetValueOrDefault(request.Node) + 1;
    }

    /// <summary>Takes in a window of the same model.</summary>
    public void Add(TruthWindow other)
    {
        _durationsMs.AddRange(other._durationsMs);
        Errors += other.Errors;
        LengthLimited += other.LengthLimited;
        InputTokens += other.InputTokens;
        OutputTokens += other.OutputTokens;
        foreach (var (node, requests) in other._byNode)
        {
            _byNode[node] = _byNode.GetValueOrDefault(node) + requests;
        }
    }

    /// <summary>Exact nearest-rank percentiles: rank ceil(n * k / 1000). Empty where there is no request.</summary>
    /// <param name="perMille">1 to 1000, e.g. 950 for p95.</param>
    public IReadOnlyList<double> PercentilesMs(params IReadOnlyList<int> perMille)
    {
        float[] sorted = [.. _durationsMs.Order()];
        return sorted.Length == 0 ? [] : [.. perMille.Select(k => (double)sorted[(int)((((long)sorted.Length * k) + 999) / 1000) - 1])];
    }
}
