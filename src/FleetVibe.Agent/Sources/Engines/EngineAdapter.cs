using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>An engine's Prometheus page to deltas and gauges, by its table; whether they count is decided elsewhere.</summary>
internal sealed class EngineAdapter : IPolledAdapter
{
    private readonly EngineTable _table;
    private readonly SeriesNaming _naming;
    private readonly string _place;

    public EngineAdapter(EngineSourceSettings settings)
        : this(settings, EngineTables.For(settings), keyPrefix: "")
    {
        // Another engine, or another map, is other counters, whose past nobody watched.
        Origin = settings.Engine == VllmSourceSettings.EngineName ? _place : $"{_place}\n{settings.Engine}{_table.Fingerprint}";
    }

    /// <summary>One of several engines under one address.</summary>
    internal EngineAdapter(EngineSourceSettings settings, EngineTable table, string keyPrefix)
    {
        _table = table;
        _naming = new SeriesNaming(settings.Model, settings.Task, settings.Variant, keyPrefix);
        _place = FetchErrors.Place(settings.Endpoint);
        Origin = _place;
        Wanted = new PageWanted(PageBody.Accept, table.DisabledCure);
    }

    public PageWanted Wanted { get; }

    public string Origin { get; }

    /// <summary>For a check: what stands on the page.</summary>
    public EnginePage Look(FetchedPage page) => EnginePage.Read(_table, _naming, page);

    public PolledPage Read(CounterState state, FetchedPage page)
    {
        if (PageBody.IsEmpty(page))
        {
            return new PolledPage(state);
        }

        if (PageBody.WhatElse(page) is { } other)
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{_place} answers with {other}, not with metrics: is it the right port and path?");
        }

        var read = Look(page);
        if (read.IsTruncated)
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{_place}: the page was cut off", read.Skipped);
        }

        if (read.Samples == 0)
        {
            return WithoutSamples(state, page, read.Skipped);
        }

        if (read.Skipped > 0 && read.Gauges.Count == 0 && read.Readings.All(reading => reading.Total is null && reading.Histogram is null))
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{_place}: none of the page's {_table.Product} values is a usable number", read.Skipped);
        }

        var (counted, deltas, step) = EngineCounting.Advance(_table, _naming.KeyPrefix, state, page.At, read);
        return new PolledPage(counted)
        {
            Deltas = deltas,
            Gauges = read.Gauges,
            SamplesSkipped = read.Skipped,
            Restarts = step.Restarted.Count > 0 ? 1 : 0,
            Error = step.Replaced.Count > 0 ? ErrorClass.WrongContent : null,
            ErrorText = step.Replaced.Count > 0
                ? $"{_place}: another server answers than before, so its counters begin anew; give every server its own source"
                : "",
        };
    }

    private PolledPage WithoutSamples(CounterState state, FetchedPage page, long skipped)
    {
        if (Look(page).OtherModels is { Count: > 0 } others)
        {
            return PolledPage.Failed(
                state, ErrorClass.WrongContent, $"{_place}: no model \"{_naming.Model}\" on the page; set model to one of {string.Join(", ", others.Take(10))}", skipped);
        }

        // The families are announced before the first request brings their samples.
        if (_table.IsNamedIn(page.Body.Span))
        {
            return skipped == 0
                ? new PolledPage(state)
                : PolledPage.Failed(state, ErrorClass.WrongContent, $"{_place}: no line of the page could be read", skipped);
        }

        if (EngineRecognition.TableOf(PageNames.In(page.Body)) is { IsOfAnyService: false } recognised)
        {
            return PolledPage.Failed(
                state, ErrorClass.WrongContent, $"{_place}: the page is of {recognised.Product}, not of {_table.Product}; set kind = \"{recognised.Kind}\"", skipped);
        }

        return page.Body.Span.IndexOf("# TYPE "u8) >= 0
            ? PolledPage.Failed(state, ErrorClass.MetricsDisabled, $"{_place}: the page has no {_table.Product} metrics; {_table.DisabledCure}", skipped)
            : PolledPage.Failed(state, ErrorClass.WrongContent, $"{_place}: the page holds no metrics; is it the right port and path?", skipped);
    }
}
