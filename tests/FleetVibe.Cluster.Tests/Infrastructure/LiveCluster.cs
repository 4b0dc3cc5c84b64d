using Akka.Remote.Transport;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Cluster.Tests.Infrastructure;

/// <summary>Three members, one store, agents, and the network between the members.</summary>
internal sealed class LiveCluster : IAsyncDisposable
{
    private readonly string _hocon;
    private readonly List<PlayedAgent> _agents = [];
    private volatile IReadOnlyList<Member> _members = [];

    private LiveCluster(string hocon)
    {
        _hocon = hocon;
        Store = new Store(Clock);
    }

    public ShiftedClock Clock { get; } = new();

    public Store Store { get; }

    public IReadOnlyList<Member> Members => _members;

    public IReadOnlyList<PlayedAgent> Agents => _agents;

    /// <summary>Enough of them that every member owns some.</summary>
    public IReadOnlyList<SeriesKey> Series { get; } = [.. Enumerable.Range(0, 9).Select(number => new SeriesKey { Model = $"model-{number}", Task = "chat" })];

    public static async Task<LiveCluster> Start(int agents = 3, string hocon = "")
    {
        var cluster = new LiveCluster(hocon);
        for (var i = 0; i < 3; i++)
        {
            await cluster.AddMember();
        }

        for (var i = 0; i < agents; i++)
        {
            cluster.AddAgent($"gpu-{i}", i);
        }

        return cluster;
    }

    /// <summary>Starts one more and has it join the oldest that is alive.</summary>
    public async Task<Member> AddMember()
    {
        var member = await Member.Start($"agg-{_members.Count}", Store, Clock, _hocon);
        var oldest = _members.FirstOrDefault(other => other.IsAlive) ?? member;
        _members = [.. _members, member];
        await member.Cluster.JoinAsync(oldest.Cluster.SelfAddress);
        return member;
    }

    public PlayedAgent AddAgent(string node, int first)
    {
        var agent = new PlayedAgent(this, node, Guid.NewGuid(), first);
        _agents.Add(agent);
        agent.Start();
        return agent;
    }

    /// <summary>Every agent has something for every series in windows of each kind: just ended, late, back-fill.</summary>
    public void Report(IEnumerable<PlayedAgent>? agents = null)
    {
        var newest = WindowClock.StartOf(Clock.GetUtcNow()) - WindowClock.BaseSeconds;
        foreach (var agent in agents ?? _agents)
        {
            foreach (var age in new[] { 0, 10, 30, 300 })
            {
                agent.Report(newest - age, Series);
            }
        }
    }

    /// <summary>Cuts the link between each of the ones and each of the others, or heals it.</summary>
    public static async Task Between(
        IEnumerable<Member> ones, IReadOnlyCollection<Member> others, ThrottleMode mode,
        ThrottleTransportAdapter.Direction direction = ThrottleTransportAdapter.Direction.Both)
    {
        foreach (var one in ones)
        {
            foreach (var other in others)
            {
                await one.Throttle(other, direction, mode);
                await other.Throttle(one, Opposite(direction), mode);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_agents.Select(agent => agent.DisposeAsync().AsTask()));
        await Task.WhenAll(_members.Select(member => member.DisposeAsync().AsTask()));
        Store.Dispose();

        // A member that was downed asks for its process to be started again; here it is the process of the tests.
        Environment.ExitCode = 0;
    }

    private static ThrottleTransportAdapter.Direction Opposite(ThrottleTransportAdapter.Direction direction) => direction switch
    {
        ThrottleTransportAdapter.Direction.Send => ThrottleTransportAdapter.Direction.Receive,
        ThrottleTransportAdapter.Direction.Receive => ThrottleTransportAdapter.Direction.Send,
        _ => direction,
    };
}
