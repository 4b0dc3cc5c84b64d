using FleetVibe.Simulator.Certificates;
using FleetVibe.Simulator.Nodes;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Simulator.Tests.Nodes;

/// <summary>A folder, a virtual clock, and certificates of the real time, so that TLS takes them.</summary>
public abstract class NodeFixture : IDisposable
{
    protected const string EndToEndCount = "vllm:e2e_request_latency_seconds_count{engine=\"0\",model_name=\"vibethinker-1.5b\"}";

    private readonly TempFolder _folder = new();

    protected NodeFixture() => Authority = SelfMadeAuthority.OpenOrCreate(_folder.File("ca"), TimeProvider.System);

    protected FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    protected SelfMadeAuthority Authority { get; }

    protected string Folder => _folder.Path;

    public void Dispose()
    {
        Authority.Dispose();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    protected SimulatedNodeSettings Quiet(string name = "node-1") => new()
    {
        Name = name, Directory = _folder.File(name), Authority = Authority, OwnTraffic = false, Seed = 3,
    };

    protected Task<SimulatedNode> StartAsync(SimulatedNodeSettings settings) => SimulatedNode.StartAsync(settings, Clock);

    /// <summary>Lets virtual time run in small steps until something holds; fails after a real half minute.</summary>
    protected async Task AdvanceUntilAsync(Func<bool> holds)
    {
        using var guard = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!holds())
        {
            guard.Token.ThrowIfCancellationRequested();
            Clock.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Yield();
        }
    }
}
