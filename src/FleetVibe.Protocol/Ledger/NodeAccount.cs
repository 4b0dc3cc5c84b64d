using FleetVibe.Protocol.V1;

namespace FleetVibe.Protocol.Ledger;

/// <summary>One node's requests as both sides count them, in one reading.</summary>
/// <param name="Agent">The agent's own counters, of its spool; null where no agent told them.</param>
/// <param name="IsHeard">Whether the agent reports now; else its counters are the last known ones.</param>
/// <param name="Gateway">What the gateway's log holds under the node's name; null while no gateway answers.</param>
public sealed record NodeAccount(string Node, AgentLedger? Agent, bool IsHeard, NodeCommitted? Gateway)
{
    /// <summary>Every node that an agent or the gateway's log knows, in order of its name.</summary>
    public static IReadOnlyList<NodeAccount> From(FleetSnapshot fleet)
    {
        var views = fleet.Nodes.ToDictionary(n => n.Node, StringComparer.Ordinal);
        var committed = fleet.Gateway?.Nodes.ToDictionary(n => n.Node, StringComparer.Ordinal);
        return
        [
            .. views.Keys.Union(committed?.Keys.AsEnumerable() ?? [], StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(node =>
            {
                var view = views.GetValueOrDefault(node);
                return new NodeAccount(
                    node,
                    view?.Ledger,
                    view?.Reachability == NodeReachability.Reporting,
                    committed is null ? null : committed.GetValueOrDefault(node) ?? new NodeCommitted { Node = node });
            }),
        ];
    }
}
