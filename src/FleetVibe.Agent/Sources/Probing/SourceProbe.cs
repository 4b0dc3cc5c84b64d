using FleetVibe.Agent.Sources.Dcgm;
using FleetVibe.Agent.Sources.Exec;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Kernel;
using FleetVibe.Agent.Sources.Prometheus;
using FleetVibe.Agent.Sources.Proxy;
using FleetVibe.Agent.Sources.Push;
using FleetVibe.Agent.Sources.VibeThinker;

namespace FleetVibe.Agent.Sources.Probing;

/// <summary>What a look at one source found.</summary>
/// <param name="Ok">It can be read as it is configured.</param>
/// <param name="Error">Why not; null where it can.</param>
/// <param name="Text">One line for a user: what was found, or what is wrong and its cure. No secrets.</param>
public sealed record SourceProbeResult(bool Ok, ErrorClass? Error, string Text)
{
    /// <summary>Models that the source names, or that its settings name for it.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Metric families, figures or GPUs that were found.</summary>
    public IReadOnlyList<string> Found { get; init; } = [];

    /// <summary>What reads well but will not count as the user may expect.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    internal static SourceProbeResult Failed(ErrorClass error, string text) => new(false, error, text);
}

/// <summary>Reads a source once, outside of an agent, and says what it is. Nothing is counted.</summary>
public static class SourceProbe
{
    /// <summary>Time between two looks at a summary whose counters should not fall.</summary>
    internal static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);

    /// <exception cref="OperationCanceledException">The caller gave up; nothing else is thrown.</exception>
    public static Task<SourceProbeResult> ProbeAsync(SourceSettings settings, TimeProvider time, CancellationToken cancellation) =>
        ProbeAsync(settings, time, SourceClient.Create, cancellation);

    internal static Task<SourceProbeResult> ProbeAsync(
        SourceSettings settings, TimeProvider time, SourceClientFactory createClient, CancellationToken cancellation) => settings switch
        {
            EngineSourceSettings engine => EngineProbe.ProbeAsync(engine, time, createClient, cancellation),
            VibeThinkerSourceSettings summary => ProbeSummaryAsync(summary, time, createClient, cancellation),
            DcgmSourceSettings dcgm => ProbeDcgmAsync(dcgm, time, createClient, cancellation),
            ProxySourceSettings proxy => ProxyProbe.ProbeAsync(proxy, time, createClient, cancellation),
            NvmlSourceSettings nvml => NvmlProbe.ProbeAsync(nvml, time, Nvml.NativeNvml.Load, cancellation),
            JsonLogSourceSettings log => Task.FromResult(JsonLogProbe.Probe(log, time)),
            NvidiaSmiSourceSettings tool => NvidiaSmiProbe.ProbeAsync(tool, time, cancellation),
            GpuToolSourceSettings tool => GpuToolProbe.ProbeAsync(tool, time, new Gpus.ToolProcess(time), cancellation),
            KernelSourceSettings kernel => Task.FromResult(ProbeKernel(kernel)),
            ExecSourceSettings command => ExecProbe.ProbeAsync(command, time, cancellation),
            PushSourceSettings push => PushProbe.ProbeAsync(push, cancellation),
            _ => Task.FromResult(SourceProbeResult.Failed(ErrorClass.WrongContent, $"a source of kind {settings.Kind} cannot be probed")),
        };

    private static SourceProbeResult ProbeKernel(KernelSourceSettings settings)
    {
        using var log = new KernelLog(settings.KernelLog);
        var read = log.Read(null, DateTimeOffset.UnixEpoch);
        return read.Problem is { } problem
            ? SourceProbeResult.Failed(read.Error ?? ErrorClass.WrongContent, problem)
            : new SourceProbeResult(true, null, $"{settings.KernelLog} can be read");
    }

    private static async Task<SourceProbeResult> ProbeSummaryAsync(
        VibeThinkerSourceSettings settings, TimeProvider time, SourceClientFactory createClient, CancellationToken cancellation)
    {
        var adapter = new VibeThinkerAdapter(settings);
        using var client = createClient(settings, adapter.Wanted, time);
        var first = await client.FetchAsync(cancellation);
        if (Failure(first, adapter, time) is { } failure)
        {
            return failure;
        }

        await Task.Delay(BetweenLooks, time, cancellation);
        var second = await client.FetchAsync(cancellation);
        var figures = adapter.FiguresOf(first.Page!.Body);
        var fallen = second.Page is { } page ? adapter.FallenCounters(first.Page.Body, page.Body) : [];
        var place = FetchErrors.Place(settings.Endpoint);
        List<string> warnings = [.. fallen.Select(name =>
            $"{name} of {place} fell between two looks: it is no counter since the server's start; mark it \"{name} gauge\" in map")];
        if (!figures.Contains(SummaryMap.Requests))
        {
            warnings.Add($"{place} has no {SummaryMap.Requests}: only its tokens and errors are counted");
        }

        return new SourceProbeResult(true, null, $"{place}: a summary with {(figures.Count == 0 ? "nothing yet" : string.Join(", ", figures))}")
        {
            Models = [adapter.Model],
            Found = figures,
            Warnings = warnings,
        };
    }

    private static async Task<SourceProbeResult> ProbeDcgmAsync(
        DcgmSourceSettings settings, TimeProvider time, SourceClientFactory createClient, CancellationToken cancellation)
    {
        var adapter = new DcgmAdapter(settings);
        using var client = createClient(settings, adapter.Wanted, time);
        var outcome = await client.FetchAsync(cancellation);
        if (Failure(outcome, adapter, time) is { } failure)
        {
            return failure;
        }

        var gpus = DcgmPage.Read(outcome.Page!).Gpus;
        return new SourceProbeResult(true, null, $"{adapter.Origin}: {gpus.Count} GPU(s)")
        {
            Found = [.. gpus.Select(g => $"{g.Index}: {g.Name} ({g.Gpu})")],
        };
    }

    private static SourceProbeResult? Failure(FetchOutcome outcome, IPolledAdapter adapter, TimeProvider time)
    {
        if (outcome.Page is not { } page)
        {
            return SourceProbeResult.Failed(outcome.Error ?? ErrorClass.WrongContent, outcome.Text);
        }

        var read = adapter.Read(new CounterState(adapter.Origin, time.GetUtcNow()), page);
        return read.Error is { } error ? SourceProbeResult.Failed(error, read.ErrorText) : null;
    }
}
