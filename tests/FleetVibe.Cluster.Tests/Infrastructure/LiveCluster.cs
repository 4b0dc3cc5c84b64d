using Akka.Actor;
using Akka.Remote.Transport;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Cluster.Tests.Infrastructure;

/// <summary>Three members, one store, agents, and the network between the members.</summary>
internal sealed class LiveCluster : IAsyncDisposable
{
    private readonly string _hocon;
    private readonly Func<Member, int, Props>? _seriesPath;
    private readonly List<PlayedAgent> _agents = [];
    private volatile IReadOnlyList<Member> _members = [];

    private LiveCluster(string hocon, Func<Member, int, Props>? seriesPath)
    {
        _hocon = hocon;
        _seriesPath = seriesPath;
        Store = new Store(Clock);
    }

    public ShiftedClock Clock { get; } = new();

    public Store Store { get; }

    public IReadOnlyList<Member> Members => _members;

    public IReadOnlyList<PlayedAgent> Agents => _agents;

    /// <summary>The member on which the shard coordinators run.</summary>
    public Member Oldest
    {
        get
        {
            var address = _members.First(member => member.IsAlive).Cluster.State.Members.Order(Akka.Cluster.Member.AgeOrdering).First().Address;
            return _members.Single(member => member.Cluster.SelfAddress.Equals(address));
        }
    }

    /// <summary>Enough of them that every member owns some.</summary>
    public IReadOnlyList<SeriesKey> Series { get; } = [.. Enumerable.Range(0, 9).Select(number => new SeriesKey { Model = $"model-{number}", Task = "chat" })];

    public static async Task<LiveCluster> Start(string hocon, Func<Member, int, Props>? seriesPath)
    {
        var cluster = new LiveCluster(hocon, seriesPath);
        for (var i = 0; i < 3; i++)
        {
            await cluster.AddMember();
        }

        return cluster;
    }

    /// <summary>Starts one more and has it join the oldest that is alive.</summary>
    public async Task<Member> AddMember()
    {
        var member = await Member.Start($"agg-{_members.Count}", Store, Clock, _hocon);
        var oldest = _members.FirstOrDefault(other => other.IsAlive) ?? member;
        member.SeriesPath = _seriesPath is null ? null : member.System.ActorOf(_seriesPath(member, _members.Count));
        _members = [.. _members, member];
        // Not awaited: the first is up only with the second.
        member.Cluster.Join(oldest.Cluster.SelfAddress);
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

    /// <summary>Who waits for whom, for the message of a test that fails.</summary>
    public async Task<string> Describe()
    {
        var lines = _agents.Select(agent => $"{agent.Node} with {agent.Home?.Name ?? "nobody"} waits for {string.Join(',', agent.Unacknowledged)}").ToList();
        foreach (var member in _members)
        {
            lines.Add($"{member.Name} {(member.IsAlive ? $"alive, {member.View.MembersUp} up, {member.View.MembersReachable} reachable" : "stopped")}");
            lines.Add($"its last calls: {string.Join(' ', member.Gateway.Calls.TakeLast(20))}");
            if (member.IsAlive)
            {
                lines.Add(await Try(async () => $"owns {string.Join(',', (await member.Owned()).Select(series => series.Model))}"));
                lines.Add(await Try(async () => $"knows {await member.RegionCount()} regions"));
            }
        }

        return string.Join("; ", lines);
    }

    private static async Task<string> Try(Func<Task<string>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e)
        {
            return $"does not answer: {e.Message}";
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
