using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>
/// A page whose engine is left open. The keys of its counters name the engine, so that a page that lost its families for
/// once stays what it was, and another engine under the address begins anew.
/// </summary>
internal sealed class AutoAdapter(EngineSourceSettings settings) : IPolledAdapter
{
    internal const string DisabledCure = "switch the engine's metrics on, or set kind and endpoint: with kind set, fleetvibe check --probe names the option";

    private readonly string _place = FetchErrors.Place(settings.Endpoint);

    public PageWanted Wanted { get; } = new(PageBody.Accept, DisabledCure);

    public string Origin => $"{_place}\nauto";

    public PolledPage Read(CounterState state, FetchedPage page)
    {
        if (PageBody.IsEmpty(page))
        {
            return new PolledPage(state);
        }

        var identity = ServerIdentity.Of(page);
        if (PageBody.WhatElse(page) is { } other)
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{_place} answers with {other}, not with metrics: {identity?.Advice ?? "is it the right port and path?"}");
        }

        var known = EngineTables.All.FirstOrDefault(table => state.Baselines.Keys.Any(key => key.StartsWith(PrefixOf(table), StringComparison.Ordinal)));
        var names = PageNames.In(page.Body);
        if ((EngineRecognition.TableOf(names) ?? known) is not { } found)
        {
            return Unrecognised(state, names, identity);
        }

        // What another engine counted is no past of this one's.
        var since = known is null || known == found ? state : new CounterState(state.Origin, page.At);
        var read = new EngineAdapter(settings, found, PrefixOf(found)).Read(since, page);
        return read with { Recognised = Describe(names, identity) };
    }

    /// <summary>The engine on the page, with its version where the server tells it.</summary>
    internal static string? Describe(IReadOnlyCollection<string> names, ServerIdentity? identity) =>
        EngineRecognition.Recognise(names) is not { } engine ? null
        : identity?.Version is { } version ? $"{engine.Product} {version}: {engine.Why}"
        : $"{engine.Product}: {engine.Why}";

    private static string PrefixOf(EngineTable table) => $"{table.Kind}/";

    private PolledPage Unrecognised(CounterState state, IReadOnlyCollection<string> names, ServerIdentity? identity)
    {
        if (names.Any(name => name.StartsWith("DCGM_FI_", StringComparison.Ordinal)))
        {
            return PolledPage.Failed(state, ErrorClass.WrongContent, $"{_place} is a DCGM exporter: set kind = \"dcgm\"");
        }

        return identity is not null
            ? PolledPage.Failed(state, ErrorClass.MetricsDisabled, $"{_place} has no metrics of an engine: {identity.Advice}")
            : PolledPage.Failed(
                state,
                ErrorClass.WrongContent,
                $"{_place}: the page is of no engine that is known; set kind, or kind = \"prometheus\" with the names of its families");
    }
}
