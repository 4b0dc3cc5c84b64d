using Akka.Actor;
using Akka.Cluster;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using ClusterExtension = Akka.Cluster.Cluster;

namespace FleetVibe.Aggregator.Membership;

/// <summary>The cluster as this member sees it now. Thread safe.</summary>
internal sealed class ClusterView(ActorSystem system)
{
    private readonly ClusterExtension _cluster = ClusterExtension.Get(system);

    /// <summary>host:port of this member.</summary>
    public string Address => $"{_cluster.SelfAddress.Host}:{_cluster.SelfAddress.Port}";

    public bool IsUp => !_cluster.IsTerminated && _cluster.SelfMember.Status == MemberStatus.Up;

    public int MembersUp => Members().Count(member => member.Status == MemberStatus.Up);

    public int MembersReachable
    {
        get
        {
            var unreachable = _cluster.State.Unreachable;
            return Members().Count(member => member.Status == MemberStatus.Up && !unreachable.Contains(member));
        }
    }

    /// <summary>
    /// Whether this member is up and reaches more than half of those that are up. Without that another side may own
    /// the entities by now.
    /// </summary>
    public bool HasMajority => IsUp && MembersReachable * 2 > MembersUp;

    public IEnumerable<MemberView> Views()
    {
        var unreachable = _cluster.State.Unreachable;
        return Members().Order(Member.AgeOrdering).Select(member => new MemberView
        {
            Address = $"{member.Address.Host}:{member.Address.Port}",
            Status = member.Status.ToString(),
            Reachable = !unreachable.Contains(member),
        });
    }

    private IEnumerable<Member> Members() => _cluster.State.Members.Where(member => member.HasRole(ClusterNames.Role));
}
