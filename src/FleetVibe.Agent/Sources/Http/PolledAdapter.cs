using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Http;

/// <summary>The pure core of a polled source: (what was counted so far, a page) to (what it brought, what is counted then).</summary>
internal interface IPolledAdapter
{
    PageWanted Wanted { get; }

    /// <summary>What the checkpoint is about; a checkpoint of another origin is not used.</summary>
    string Origin { get; }

    PolledPage Read(CounterState state, FetchedPage page);
}

/// <summary>What a page brought.</summary>
/// <param name="State">What is counted once this is folded.</param>
internal sealed record PolledPage(CounterState State)
{
    public IReadOnlyList<RequestObservation> Requests { get; init; } = [];

    public IReadOnlyList<CounterDelta> Deltas { get; init; } = [];

    public IReadOnlyList<ModelGauges> Gauges { get; init; } = [];

    public IReadOnlyList<GpuSample> Gpus { get; init; } = [];

    public long SamplesSkipped { get; init; }

    /// <summary>What the first of them is, where it has a name; told when skipping begins.</summary>
    public string SkippedWhy { get; init; } = "";

    public int Restarts { get; init; }

    /// <summary>What the server was found to be, where that was left open; told once, when it changes.</summary>
    public string? Recognised { get; init; }

    public ErrorClass? Error { get; init; }

    public string ErrorText { get; init; } = "";

    public static PolledPage Failed(CounterState state, ErrorClass error, string text, long samplesSkipped = 0) =>
        new(state) { Error = error, ErrorText = text, SamplesSkipped = samplesSkipped };
}
