using FleetVibe.Agent.Sources.Exec;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Probing;

/// <summary>Runs a command once, without a cursor, and says what is read in what it prints. Nothing is counted.</summary>
internal static class ExecProbe
{
    public static async Task<SourceProbeResult> ProbeAsync(ExecSourceSettings settings, TimeProvider time, CancellationToken cancellation)
    {
        using var client = new ExecClient(settings, time);
        var outcome = await client.FetchAsync(cancellation);
        if (outcome.Page is not { } page)
        {
            return SourceProbeResult.Failed(outcome.Error ?? ErrorClass.ToolFailed, outcome.Text);
        }

        var adapter = ExecSource.AdapterOf(settings);
        var read = adapter.Read(new CounterState(adapter.Origin, time.GetUtcNow()), page);
        if (read.Error is { } error)
        {
            return SourceProbeResult.Failed(error, read.ErrorText);
        }

        List<string> models = [.. read.Requests.Select(request => request.Series.Model)
            .Concat(read.Deltas.Select(delta => delta.Series.Model))
            .Concat(read.Gauges.Select(gauges => gauges.Series.Model)).Distinct().Order(StringComparer.Ordinal)];
        var of = models.Count == 0 ? "nothing yet" : $"{(settings.Output == ExecOutput.Json ? $"{read.Requests.Count} requests" : "counters or gauges")} of {string.Join(", ", models)}";
        List<string> warnings = [];
        if (read.SamplesSkipped > 0)
        {
            warnings.Add($"{settings.Argv[0]}: {read.SamplesSkipped} of what it printed could not be read and will be skipped{(read.SkippedWhy.Length > 0 ? $": {read.SkippedWhy}" : "")}");
        }

        if (settings.Output == ExecOutput.Json && read.Requests.Count > 0 && read.State.Cursor is null)
        {
            warnings.Add($"{settings.Argv[0]} prints no {{\"cursor\": \"...\"}}: what it printed in a run that a crash of the agent cut off is not printed again");
        }

        return new SourceProbeResult(true, null, $"{settings.Argv[0]} printed {of}") { Models = models, Warnings = warnings };
    }
}
