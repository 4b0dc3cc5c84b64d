using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Dcgm;

/// <summary>A DCGM exporter's page to one sample a GPU. It keeps no state.</summary>
internal sealed class DcgmAdapter(DcgmSourceSettings settings) : IPolledAdapter
{
    public PageWanted Wanted { get; } = new(PageBody.Accept, DisabledCure: null);

    public string Origin { get; } = FetchErrors.Place(settings.Endpoint);

    public PolledPage Read(CounterState state, FetchedPage page)
    {
        // The exporter answers with nothing for some seconds while it reloads.
        if (PageBody.IsEmpty(page))
        {
            return new PolledPage(state);
        }

        if (PageBody.WhatElse(page) is { } other)
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{Origin} answers with {other}, not with metrics: is it the right port and path?");
        }

        var read = DcgmPage.Read(page);
        return read.Samples == 0
            ? PolledPage.Failed(state, ErrorClass.WrongContent, $"{Origin}: the page has no DCGM_FI_DEV metrics; is it a DCGM exporter?", read.Skipped)
            : new PolledPage(state) { Gpus = read.Gpus, SamplesSkipped = read.Skipped };
    }
}
