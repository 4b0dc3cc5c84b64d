using System.Collections.Concurrent;

namespace FleetVibe.Chaos.Network;

/// <summary>Every direction between two named processes, and the connections that are open on it. Thread safe.</summary>
internal sealed class LinkTable
{
    private readonly ConcurrentDictionary<(string From, string To), Flow> _flows = new();
    private readonly ConcurrentDictionary<ProxiedConnection, bool> _connections = new();

    public Flow Flow(string from, string to) => _flows.GetOrAdd((from, to), _ => new Flow());

    /// <summary>Whether bytes vanished on a connection that is still open.</summary>
    public bool HasLostBytes => _connections.Keys.Any(connection => connection.HasLostBytes);

    public void Add(ProxiedConnection connection)
    {
        _connections[connection] = true;

        // A link that was forbidden while the connection was being made knew nothing of it.
        if (_flows.Values.Any(flow => flow.State.Mode == FlowMode.Refuse && connection.Uses(flow)))
        {
            connection.Reset();
        }
    }

    public void Remove(ProxiedConnection connection) => _connections.TryRemove(connection, out _);

    /// <summary>Sets one direction; connections that the new state forbids, or that an old one robbed of bytes, are reset.</summary>
    public void Set(string from, string to, FlowState state)
    {
        var flow = Flow(from, to);
        flow.State = state;
        foreach (var connection in _connections.Keys.Where(c => c.Uses(flow)))
        {
            if (state.Mode == FlowMode.Refuse || (state.Mode != FlowMode.HalfOpen && connection.HasLostBytes))
            {
                connection.Reset();
            }
        }
    }

    public void SetBoth(string one, string other, FlowState state)
    {
        Set(one, other, state);
        Set(other, one, state);
    }

    /// <summary>Resets what is open between two; new connections are welcome.</summary>
    public void Reset(string one, string other)
    {
        var (there, back) = (Flow(one, other), Flow(other, one));
        foreach (var connection in _connections.Keys.Where(c => c.Uses(there) || c.Uses(back)))
        {
            connection.Reset();
        }
    }

    /// <summary>Everything passes again.</summary>
    public void HealAll()
    {
        foreach (var (from, to) in _flows.Keys)
        {
            Set(from, to, FlowState.Pass);
        }
    }
}
