using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Http;

/// <summary>One collection of a polled source: its report, and what is counted once that is folded.</summary>
internal sealed record Collection(SourceReport Report, CounterState State)
{
    internal const string RestartEvent = "engine_restart";

    private const int MaxText = 400;

    /// <summary>What the server was found to be, where the page said so.</summary>
    public string? Recognised { get; private init; }

    /// <inheritdoc cref="PolledPage.SkippedWhy"/>
    public string SkippedWhy { get; private init; } = "";

    /// <summary>What the source said beside, for whoever reads the log.</summary>
    public string Aside { get; private init; } = "";

    public static async Task<Collection> RunAsync(
        string sourceKey, ISourceClient client, IPolledAdapter adapter, CounterState state, TimeProvider time, CancellationToken cancellation)
    {
        var began = time.GetTimestamp();
        FetchOutcome outcome;
        try
        {
            outcome = await client.FetchSinceAsync(state, cancellation);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            outcome = FetchOutcome.Failed(ErrorClass.WrongContent, $"the page could not be fetched: {e.GetType().Name}");
        }

        return Conclude(sourceKey, adapter, state, outcome, time.GetElapsedTime(began), time.GetUtcNow()) with { Aside = outcome.Aside };
    }

    /// <summary>Pure but for the adapter's own failures, which become facts.</summary>
    public static Collection Conclude(
        string sourceKey, IPolledAdapter adapter, CounterState state, FetchOutcome outcome, TimeSpan duration, DateTimeOffset now)
    {
        if (outcome.Page is not { } page)
        {
            return new Collection(Failure(sourceKey, outcome.Error ?? ErrorClass.WrongContent, outcome.Text, duration, now, outcome.IsAlive), state);
        }

        PolledPage read;
        try
        {
            read = adapter.Read(state, page);
        }
        catch (Exception e)
        {
            var text = $"the page could not be read: {e.GetType().Name}; please report this with a copy of the page";
            return new Collection(Failure(sourceKey, ErrorClass.WrongContent, text, duration, now), state);
        }

        var report = new SourceReport(sourceKey)
        {
            Requests = read.Requests,
            Deltas = read.Deltas,
            Gauges = read.Gauges,
            Gpus = read.Gpus,
            Events = read.Restarts > 0 ? [new SourceEvent(RestartEvent, EventSeverity.Warning, $"{sourceKey}: the server began again, its counters from zero", page.At)] : [],
            Checkpoint = ReferenceEquals(read.State, state) ? null : read.State.ToCheckpoint(),
            Status = new CollectionStatus(page.At, read.Error, OneLine(read.ErrorText), duration, read.SamplesSkipped, read.Restarts),
        };
        return new Collection(report, read.State) { Recognised = read.Recognised, SkippedWhy = OneLine(read.SkippedWhy) };
    }

    private static SourceReport Failure(string sourceKey, ErrorClass error, string text, TimeSpan duration, DateTimeOffset now, bool isAlive = false) =>
        new(sourceKey) { Status = new CollectionStatus(now, error, OneLine(text), duration, 0, 0) { IsAlive = isAlive } };

    // A server's own names and the platform's messages may span lines, and pages.
    private static string OneLine(string text) => (text.Length > MaxText ? text[..MaxText] + "..." : text).ReplaceLineEndings(" ");
}
