using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Vllm;

/// <summary>vLLM's Prometheus page to deltas and gauges; whether they count is decided elsewhere.</summary>
internal sealed class VllmAdapter(VllmSourceSettings settings) : IPolledAdapter
{
    internal const string DisabledCure = "start vLLM without --disable-log-stats, and let endpoint end in /metrics";

    public PageWanted Wanted { get; } = new(PageBody.Accept, DisabledCure);

    public string Origin { get; } = FetchErrors.Place(settings.Endpoint);

    public PolledPage Read(CounterState state, FetchedPage page)
    {
        if (PageBody.IsEmpty(page))
        {
            return new PolledPage(state);
        }

        if (PageBody.WhatElse(page) is { } other)
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{Origin} answers with {other}, not with metrics: is it the right port and path?");
        }

        var read = VllmPage.Read(settings, page);
        if (read.IsTruncated)
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{Origin}: the page was cut off", read.Skipped);
        }

        if (read.Samples == 0)
        {
            return WithoutSamples(state, page, read.Skipped);
        }

        if (read.Skipped > 0 && read.Gauges.Count == 0 && read.Readings.All(reading => reading.Total is null && reading.Histogram is null))
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{Origin}: none of the page's vLLM values is a usable number", read.Skipped);
        }

        var (counted, deltas, step) = RequestCounting.Advance(state, page.At, read);
        return new PolledPage(counted)
        {
            Deltas = deltas,
            Gauges = read.Gauges,
            SamplesSkipped = read.Skipped,
            Restarts = step.Restarted.Count > 0 ? 1 : 0,
            Error = step.Replaced.Count > 0 ? ErrorClass.WrongContent : null,
            ErrorText = step.Replaced.Count > 0
                ? $"{Origin}: another server answers than before, so its counters begin anew; give every server its own source"
                : "",
        };
    }

    private PolledPage WithoutSamples(CounterState state, FetchedPage page, long skipped)
    {
        var body = page.Body.Span;

        // The families are announced before the first request brings their samples.
        if (body.IndexOf("vllm:"u8) >= 0 || body.IndexOf("vllm_"u8) >= 0)
        {
            return skipped == 0
                ? new PolledPage(state)
                : PolledPage.Failed(state, ErrorClass.WrongContent, $"{Origin}: no line of the page could be read", skipped);
        }

        return body.IndexOf("# TYPE "u8) >= 0
            ? PolledPage.Failed(state, ErrorClass.MetricsDisabled, $"{Origin}: the page has no vLLM metrics; {DisabledCure}", skipped)
            : PolledPage.Failed(state, ErrorClass.WrongContent, $"{Origin}: the page holds no metrics; is it the right port and path?", skipped);
    }
}
