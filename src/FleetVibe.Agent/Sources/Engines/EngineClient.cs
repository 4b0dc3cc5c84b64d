using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Engines;

/// <summary>
/// Fetches an engine's page and what stands beside it on the same server. Where the engine is left open it looks for the page
/// under the other paths that engines use, and asks the server what it is.
/// </summary>
internal sealed class EngineClient : ISourceClient
{
    private static readonly string[] OtherPaths = ["/metrics", "/prometheus/metrics", "/v1/metrics"];

    private readonly EngineSourceSettings _settings;
    private readonly PageWanted _wanted;
    private readonly SourceClientFactory _create;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, ISourceClient> _clients = new(StringComparer.Ordinal);
    private string _path;
    private FetchedPage? _version;
    private string? _versionOf;
    private IReadOnlyDictionary<string, FetchedPage>? _identity;

    public EngineClient(EngineSourceSettings settings, PageWanted wanted, SourceClientFactory create, TimeProvider time)
    {
        _settings = settings;
        _wanted = wanted;
        _create = create;
        _time = time;
        _path = IsOpen && settings.Endpoint.AbsolutePath == "/" ? OtherPaths[0] : settings.Endpoint.PathAndQuery;
    }

    private bool IsOpen => _settings.Engine == EngineSourceSettings.Auto;

    public async Task<FetchOutcome> FetchAsync(CancellationToken cancellation)
    {
        if (IsOpen)
        {
            return await FetchOpenAsync(cancellation);
        }

        var beside = FetchAllAsync(EngineTables.For(_settings).Beside, cancellation);
        var outcome = await ClientOf(_path).FetchAsync(cancellation);
        return Join(outcome, await beside);
    }

    /// <summary>What the server says of itself, under every path where one may.</summary>
    public Task<IReadOnlyDictionary<string, FetchedPage>> IdentifyAsync(CancellationToken cancellation) => FetchAllAsync(ServerIdentity.Paths, cancellation);

    public void Dispose()
    {
        foreach (var client in _clients.Values)
        {
            client.Dispose();
        }
    }

    private async Task<FetchOutcome> FetchOpenAsync(CancellationToken cancellation)
    {
        var outcome = await ClientOf(_path).FetchAsync(cancellation);
        if (IsNoPage(outcome) && _identity is null)
        {
            outcome = await LookElsewhereAsync(cancellation) ?? outcome;
        }

        if (outcome.Page is not { } page)
        {
            return await ExplainAsync(outcome, cancellation);
        }

        if (EngineRecognition.TableOf(PageNames.In(page.Body)) is not { } table)
        {
            _identity ??= PageBody.IsEmpty(page) ? null : await IdentifyAsync(cancellation);
            return Join(outcome, _identity ?? new Dictionary<string, FetchedPage>());
        }

        _identity = null;
        var beside = new Dictionary<string, FetchedPage>(await FetchAllAsync(table.Beside, cancellation));
        if (_versionOf != table.Kind && table.VersionPath is { } path)
        {
            _version = (await FetchAllAsync([path], cancellation)).GetValueOrDefault(path);
            _versionOf = table.Kind;
        }

        if (_version is not null && table.VersionPath is { } versionPath)
        {
            beside.TryAdd(versionPath, _version);
        }

        return Join(outcome, beside);
    }

    // A path that another engine uses, if that has a page of an engine.
    private async Task<FetchOutcome?> LookElsewhereAsync(CancellationToken cancellation)
    {
        foreach (var path in OtherPaths.Where(path => path != _path))
        {
            var outcome = await ClientOf(path).FetchAsync(cancellation);
            if (outcome.Page is { } page && EngineRecognition.TableOf(PageNames.In(page.Body)) is not null)
            {
                _path = path;
                return outcome;
            }
        }

        return null;
    }

    private async Task<FetchOutcome> ExplainAsync(FetchOutcome outcome, CancellationToken cancellation)
    {
        if (outcome.Error != ErrorClass.MetricsDisabled)
        {
            // It may be another server when it is back.
            _identity = null;
            return outcome;
        }

        _identity ??= await IdentifyAsync(cancellation);
        return ServerIdentity.Of(_identity) is { } identity ? outcome with { Text = $"{FetchErrors.Place(_settings.Endpoint)} has no metrics: {identity.Advice}" } : outcome;
    }

    private static bool IsNoPage(FetchOutcome outcome) =>
        outcome.Page is { } page ? PageBody.WhatElse(page) is not null : outcome.Error is ErrorClass.MetricsDisabled or ErrorClass.Http4xx;

    private static FetchOutcome Join(FetchOutcome outcome, IReadOnlyDictionary<string, FetchedPage> beside)
    {
        if (outcome.Page is { } page)
        {
            return outcome with { Page = page with { Beside = beside } };
        }

        // Some engines answer for their metrics between two steps of the model only; their health has no such wait.
        return outcome.Error == ErrorClass.Timeout && beside.ContainsKey(EngineAside.Health)
            ? outcome with { Error = ErrorClass.Busy, IsAlive = true, Text = $"{outcome.Text}; {EngineAside.Health} answers at once, so the engine is busy decoding" }
            : outcome;
    }

    private async Task<IReadOnlyDictionary<string, FetchedPage>> FetchAllAsync(IReadOnlyList<string> paths, CancellationToken cancellation)
    {
        var fetched = await Task.WhenAll(paths.Select(async path => (path, (await TryFetchAsync(path, cancellation)).Page)));
        return fetched.Where(f => f.Page is not null).ToDictionary(f => f.path, f => f.Page!);
    }

    // What stands beside the page is never a reason to lose it.
    private async Task<FetchOutcome> TryFetchAsync(string path, CancellationToken cancellation)
    {
        try
        {
            return await ClientOf(path).FetchAsync(cancellation);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            return FetchOutcome.Failed(ErrorClass.WrongContent, e.GetType().Name);
        }
    }

    private ISourceClient ClientOf(string path)
    {
        if (!_clients.TryGetValue(path, out var client))
        {
            var isPage = path == _path || OtherPaths.Contains(path);
            var endpoint = path == _settings.Endpoint.PathAndQuery ? _settings.Endpoint : new Uri(_settings.Endpoint, path);
            var wanted = isPage ? _wanted : new PageWanted("application/json,*/*;q=0.1", DisabledCure: null);
            _clients[path] = client = _create(_settings with { Endpoint = endpoint }, wanted, _time);
        }

        return client;
    }
}
