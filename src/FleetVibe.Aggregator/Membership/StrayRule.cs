namespace FleetVibe.Aggregator.Membership;

/// <summary>
/// Whether a member has strayed: fewer members are up in its cluster than a majority of the seeds, while a seed that is no
/// member answers. Then there are two clusters that will never look for each other: the first seed, started while it is cut
/// off, founds one of its own, and a side that was left over does not join what the others have founded since. Only a new
/// start asks all the seeds again. At most one cluster has a majority, so that one stays. Pure.
/// </summary>
internal sealed class StrayRule(int seeds)
{
    /// <summary>Longer than a seed takes from its open port to its place in the cluster.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private TimeSpan? _since;

    /// <param name="membersUp">Of this cluster; 0 where it was founded and nobody is up yet.</param>
    /// <param name="strangerAnswers">Whether a seed outside of it can be reached.</param>
    /// <returns>Whether it has been so for longer than <see cref="Patience"/>.</returns>
    public bool IsStray(int membersUp, bool strangerAnswers, Moment now)
    {
        if (!strangerAnswers || membersUp >= (seeds / 2) + 1)
        {
            _since = null;
            return false;
        }

        _since ??= now.Up;
        return now.Up - _since > Patience;
    }
}
