using System.Net;
using System.Security.Cryptography;
using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Certificates;
using FleetVibe.Simulator.Serving;
using FleetVibe.Simulator.Traffic;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace FleetVibe.Simulator.Nodes;

/// <summary>
/// A model server with one consumer card: vLLM's /metrics, a VibeThinker's /summary, /health, a JSON request log and a
/// stand-in nvidia-smi, all out of one seeded stream of finished requests whose exact truth is written down. Thread safe.
/// </summary>
public sealed class SimulatedNode : IAsyncDisposable
{
    private static readonly TimeSpan GaugeInterval = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _clock;
    private readonly NodeEngine _engine;
    private readonly GpuTool _gpu;
    private readonly TruthWriter? _ownTruth;
    private readonly CancellationTokenSource _stopTraffic = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _trafficStarted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ReaderGate _gate;
    private volatile IReadOnlyList<GpuProcess> _processes = [new GpuProcess(Environment.ProcessId, "VLLM::EngineCore", 3_000)];
    private volatile NodeFault _fault;
    private WebApplication? _app;
    private Task _traffic = Task.CompletedTask;
    private Task _gauges = Task.CompletedTask;
    private bool _disposed;

    private SimulatedNode(SimulatedNodeSettings settings, TimeProvider clock)
    {
        Settings = settings;
        _clock = clock;
        Folder = Path.GetFullPath(settings.Directory);
        Directory.CreateDirectory(Folder);
        _gpu = new GpuTool(Folder, settings.GpuCount, new Random(settings.Seed));
        _gate = new ReaderGate(settings.ExpectedReaders, () => _gpu.WasSampled, clock);
        _ownTruth = settings.Truth is null ? new TruthWriter(settings.TruthPath ?? Path.Combine(Folder, "truth.jsonl")) : null;
        var truth = settings.Truth ?? _ownTruth!;
        TruthPath = truth.Path;
        _engine = new NodeEngine(settings, truth, LogPath, clock.GetUtcNow());
    }

    public SimulatedNodeSettings Settings { get; }

    /// <summary>The node's folder, absolute.</summary>
    public string Folder { get; }

    /// <summary>https://127.0.0.1:port.</summary>
    public Uri Address { get; private set; } = null!;

    public Uri MetricsEndpoint => new(Address, "/metrics");

    public Uri SummaryEndpoint => new(Address, "/summary");

    /// <summary>PEM file of the authority to trust.</summary>
    public string CaFile { get; private set; } = "";

    /// <summary>File of the bearer token that /metrics and /summary want.</summary>
    public string TokenFile => Path.Combine(Folder, "node.token");

    public string LogPath => Path.Combine(Folder, "requests.jsonl");

    public string TruthPath { get; }

    /// <summary>The stand-in tool: a POSIX shell script.</summary>
    public string NvidiaSmi => _gpu.Executable;

    public IReadOnlyList<string> GpuUuids => _gpu.Uuids;

    /// <summary>Requests finished since this object started, engine restarts included.</summary>
    public long RequestsFinished => _engine.Finished;

    /// <summary>Completes when every expected reader has read; then the first request may finish.</summary>
    public Task TrafficStarted => _trafficStarted.Task;

    /// <summary>Readers that traffic still waits for.</summary>
    public ExpectedReaders MissingReaders => _gate.Missing;

    /// <summary>What /metrics and /summary do wrong from now on.</summary>
    public NodeFault Fault
    {
        get => _fault;
        set => _fault = value;
    }

    /// <summary>Processes on the first board; any but the first is foreign to the engine. Seen at the next second.</summary>
    public IReadOnlyList<GpuProcess> GpuProcesses
    {
        get => _processes;
        set => _processes = value;
    }

    /// <summary>Opens the port and starts traffic as soon as the expected readers have read.</summary>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    /// <exception cref="IOException">The folder cannot be written, or the port is taken.</exception>
    public static async Task<SimulatedNode> StartAsync(
        SimulatedNodeSettings settings, TimeProvider clock, CancellationToken cancellationToken = default)
    {
        settings.Validate();
        var node = new SimulatedNode(settings, clock);
        try
        {
            await node.OpenAsync(cancellationToken);
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>The engine crashes and comes back: counters at zero, a new start time. Log and truth go on.</summary>
    public void RestartEngine() => _engine.Restart(_clock.GetUtcNow());

    /// <summary>Finishes some requests at this moment, whoever has read or not.</summary>
    public IReadOnlyList<FinishedRequest> FinishNow(int count = 1) => _engine.FinishNow(count, _clock.GetUtcNow());

    /// <summary>The GPU tool prints a text and exits with a code, e.g. 15 for a lost board.</summary>
    public void FailGpuTool(int exitCode, string text) => _gpu.SetFault(FormattableString.Invariant($"{exitCode}\n{text}"));

    /// <summary>The GPU tool hangs at its next sample.</summary>
    public void HangGpuTool() => _gpu.SetFault("hang");

    public void HealGpuTool() => _gpu.SetFault(null);

    /// <summary>No request finishes any more; all that did are in truth, log and page. The pages go on.</summary>
    public async Task StopTrafficAsync()
    {
        await _stopTraffic.CancelAsync();
        await _traffic;
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await StopTrafficAsync();
        await _stop.CancelAsync();
        await _gauges;
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }

        _trafficStarted.TrySetCanceled();
        _engine.Dispose();
        _ownTruth?.Dispose();
        _stopTraffic.Dispose();
        _stop.Dispose();
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        using var own = Settings.Authority is null ? SelfMadeAuthority.OpenOrCreate(Folder, _clock) : null;
        var authority = Settings.Authority ?? own!;
        CaFile = authority.CaFile;
        var name = Settings.Authority is null ? "node" : Settings.Name;
        var certificate = authority.Issue(name, Settings.CertificateNames);
        WriteToken();
        _gpu.Write(_engine.Gauges, _processes, _clock.GetUtcNow());

        var pages = new NodePages(this, _engine, _gate, BearerToken.FromFile(TokenFile), _clock);
        var listen = new ListenSettings
        {
            Address = Settings.Listen, CertFile = certificate.CertFile, KeyFile = certificate.KeyFile, Token = BearerToken.FromFile(TokenFile),
        };
        (_app, Address) = await SmallServer.StartAsync(listen, HttpProtocols.Http1, pages.HandleAsync, cancellationToken);
        _gauges = Task.Run(() => RunGaugesAsync(_stop.Token), CancellationToken.None);
        _traffic = Settings.OwnTraffic ? Task.Run(() => RunTrafficAsync(_stopTraffic.Token), CancellationToken.None) : Task.CompletedTask;
    }

    private void WriteToken()
    {
        if (Settings.Token is { } token)
        {
            SelfMadeAuthority.WriteSecret(TokenFile, token);
        }
        else if (!File.Exists(TokenFile))
        {
            SelfMadeAuthority.WriteSecret(TokenFile, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));
        }
    }

    private async Task RunTrafficAsync(CancellationToken stop)
    {
        try
        {
            await _gate.WaitAsync(stop);
            if (Settings.StartAfter is { } condition)
            {
                await condition.WaitAsync(stop);
            }

            _trafficStarted.TrySetResult();
            while (!stop.IsCancellationRequested)
            {
                var now = _clock.GetUtcNow();
                if (_fault == NodeFault.Wedged)
                {
                    await Task.Delay(GaugeInterval / 10, _clock, stop);
                    continue;
                }

                var wait = _engine.FinishUntil(now) - now;
                await Task.Delay(wait > TimeSpan.FromMilliseconds(1) ? wait : TimeSpan.FromMilliseconds(1), _clock, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
    }

    private async Task RunGaugesAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(GaugeInterval, _clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                var busy = _trafficStarted.Task.IsCompletedSuccessfully && !_stopTraffic.IsCancellationRequested;
                _gpu.Write(_engine.Tick(busy, _fault == NodeFault.Wedged), _processes, _clock.GetUtcNow());
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
    }
}
