using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Probing;

/// <summary>Which engine answers, in which version, by what it is known, and what switches its metrics on.</summary>
internal static class EngineProbe
{
    public static async Task<SourceProbeResult> ProbeAsync(
        EngineSourceSettings settings, TimeProvider time, SourceClientFactory createClient, CancellationToken cancellation)
    {
        var adapter = EngineSource.AdapterOf(settings);
        using var client = new EngineClient(settings, adapter.Wanted, createClient, time);
        var outcome = await client.FetchAsync(cancellation);
        var place = FetchErrors.Place(settings.Endpoint);
        var read = outcome.Page is { } page ? adapter.Read(new CounterState(adapter.Origin, time.GetUtcNow()), page) : null;
        if (read is null || read.Error is not null)
        {
            return await ExplainAsync(settings, client, outcome, read, cancellation);
        }

        var names = PageNames.In(outcome.Page!.Body);
        var table = settings.Engine == EngineSourceSettings.Auto ? EngineRecognition.TableOf(names) : EngineTables.For(settings);
        if (table is null)
        {
            return new SourceProbeResult(true, null, $"{place} answers, and has no samples yet: the engine is recognised once it has");
        }

        var beside = outcome.Page.Beside.Count > 0 || table.VersionPath is null ? outcome.Page.Beside : await client.IdentifyAsync(cancellation);
        var looked = new EngineAdapter(settings, table, "").Look(outcome.Page with { Beside = beside });
        var models = looked.Readings.Select(r => r.Series.Model).Concat(looked.Gauges.Select(g => g.Series.Model)).Distinct().Order(StringComparer.Ordinal).ToList();
        var version = ServerIdentity.Of(beside)?.Version is { } told ? $" {told}" : "";
        var how = EngineRecognition.Recognise(names) is { } engine && engine.Kind == table.Kind ? $" ({engine.Why})" : "";
        return new SourceProbeResult(true, null, models.Count == 0
            ? $"{place}: {table.Product}{version} answers, and has no samples yet"
            : $"{place}: {table.Product}{version} serves {string.Join(", ", models)}{how}")
        {
            Models = models,
            Found = [.. looked.Families.Select(Short)],
            Warnings = models.Count == 0 ? [] : [.. WarningsOf(table, looked, models, place)],
        };
    }

    private static string Short(string family) => family[(family.IndexOf(':', StringComparison.Ordinal) + 1)..];

    private static IEnumerable<string> WarningsOf(EngineTable table, EnginePage page, List<string> models, string place)
    {
        var latency = table.Families.Where(f => f.Figure == Figure.ResponseTime).ToList();
        var counts = table.Routes[Figure.Requests].Length > 0;
        if (!counts)
        {
            yield return $"{place}: {table.Product} counts no requests in its metrics: only tokens, running and waiting are read";
        }
        else if (!page.Families.Any(table.RequestFamilies.Contains))
        {
            yield return $"{place} has none of {string.Join(", ", table.RequestFamilies.Select(Short))}: no requests are counted, only tokens, running and waiting";
        }
        else if (latency.Count == 0 || !latency.Any(f => page.Families.Contains(f.Name)))
        {
            yield return latency.Count == 0
                ? $"{place}: {table.Product} has no distribution of response times in its metrics: requests are counted without them"
                : $"{place} has no {Short(latency[0].Name)}: requests are counted, but without response times";
        }

        if (models.Contains("unknown"))
        {
            yield return $"{place} does not name its model: set model";
        }
    }

    private static async Task<SourceProbeResult> ExplainAsync(
        EngineSourceSettings settings, EngineClient client, FetchOutcome outcome, PolledPage? read, CancellationToken cancellation)
    {
        var (error, text) = read is null ? (outcome.Error ?? ErrorClass.WrongContent, outcome.Text) : (read.Error!.Value, read.ErrorText);
        if (settings.Engine == EngineSourceSettings.Auto || error is not (ErrorClass.MetricsDisabled or ErrorClass.WrongContent))
        {
            return SourceProbeResult.Failed(error, text);
        }

        // An engine of another kind may answer there.
        var identity = ServerIdentity.Of(await client.IdentifyAsync(cancellation));
        return SourceProbeResult.Failed(error, identity?.Product is null ? text : $"{text} ({identity.Advice})");
    }
}
