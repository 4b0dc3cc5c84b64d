using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace FleetVibe.Simulator.Telegraf;

/// <summary>
/// A Telegraf with its three HTTP listeners on one port (<c>/api/v2/write</c>, <c>/write</c>, <c>/telegraf</c>) and an
/// InfluxDB behind it: it answers as the real ones do, is stricter about line protocol, fails on demand, and remembers
/// every point and every sin. Thread safe.
/// </summary>
public sealed class SimulatedTelegraf : IAsyncDisposable
{
    private readonly TelegrafCore _core;
    private WebApplication? _app;
    private bool _disposed;

    private SimulatedTelegraf(SimulatedTelegrafSettings settings, TimeProvider clock) => _core = new TelegrafCore(settings, clock);

    public SimulatedTelegrafSettings Settings => _core.Settings;

    /// <summary>Base address, without a path.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>What the senders did wrong; empty is what a test wants.</summary>
    public IReadOnlyList<TelegrafViolation> Violations => _core.Violations;

    public TelegrafStatistics Statistics => _core.Statistics;

    /// <summary>Writes that a fault holds back at this moment (slow or hanging), their bodies read.</summary>
    public int WritesHeld => _core.Held;

    /// <exception cref="ArgumentException">Probabilities of faults are negative or above 1 together.</exception>
    /// <exception cref="IOException">The port is taken, or the output file cannot be written.</exception>
    public static async Task<SimulatedTelegraf> StartAsync(
        SimulatedTelegrafSettings settings, TimeProvider clock, CancellationToken cancellationToken = default)
    {
        var telegraf = new SimulatedTelegraf(settings, clock);
        try
        {
            await telegraf.OpenAsync(settings.Listen, cancellationToken);
            return telegraf;
        }
        catch
        {
            await telegraf.DisposeAsync();
            throw;
        }
    }

    /// <summary>What is held now, by time, then by tags.</summary>
    /// <param name="measurement">Null means all.</param>
    public IReadOnlyList<StoredPoint> Points(string? measurement = null) => _core.Points(measurement);

    /// <summary>Sum of an integer field over the points held, e.g. requests over <c>vibe_fleet</c> with <c>window=10s</c>.</summary>
    public long Sum(string measurement, string field, Func<StoredPoint, bool>? where = null) =>
        Points(measurement).Where(where ?? (_ => true)).Sum(point => point.Integer(field) ?? 0);

    /// <summary>The next writes fail so, one after the other.</summary>
    public void QueueFaults(params IEnumerable<TelegrafFault> faults) => _core.Faults.Enqueue(faults);

    /// <summary>From now on writes fail by chance; an empty table heals it.</summary>
    public void SetFaultProbabilities(IReadOnlyDictionary<TelegrafFault, double> probabilities) => _core.Faults.SetProbabilities(probabilities);

    /// <summary>The output takes all that waits.</summary>
    public void Flush() => _core.Flush();

    /// <summary>Closes the port: connections are refused. What is held stays.</summary>
    public async Task CloseAsync()
    {
        if (_app is { } app)
        {
            _app = null;
            await app.DisposeAsync();
        }
    }

    /// <summary>Opens the same port again.</summary>
    public Task ReopenAsync(CancellationToken cancellationToken = default) =>
        _app is null ? OpenAsync(Settings.Listen with { Port = Address.Port }, cancellationToken) : Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _core.Stop();
        await CloseAsync();
        _core.Dispose();
    }

    private async Task OpenAsync(ListenAddress address, CancellationToken cancellationToken)
    {
        var listen = new ListenSettings
        {
            Address = address,
            CertFile = Settings.CertFile,
            KeyFile = Settings.KeyFile,
            Token = Settings.Token ?? Settings.Password,
            Insecure = Settings.Insecure,
        };
        (_app, Address) = await SmallServer.StartAsync(listen, HttpProtocols.Http1, new TelegrafPages(_core).HandleAsync, cancellationToken);
    }
}
