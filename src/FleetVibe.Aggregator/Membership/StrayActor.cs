using System.Net.Sockets;
using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Membership;

/// <summary>Ends a member that has strayed, so that its supervisor starts it again and it joins the others.</summary>
internal sealed class StrayActor : UntypedActor, IWithTimers
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(2);

    private readonly IReadOnlyList<string> _seeds;
    private readonly Func<IEnumerable<MemberView>> _members;
    private readonly TimeProvider _time;
    private readonly StrayRule _rule;
    private readonly ILoggingAdapter _log = Context.GetLogger();

    /// <param name="seeds">host:port of each.</param>
    /// <param name="members">Of the cluster that this member is in, as it sees them.</param>
    /// <param name="time">The one clock.</param>
    public StrayActor(IReadOnlyList<string> seeds, Func<IEnumerable<MemberView>> members, TimeProvider time) =>
        (_seeds, _members, _time, _rule) = (seeds, members, time, new StrayRule(seeds.Count));

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartSingleTimer(LookDue.Instance, LookDue.Instance, LookEvery);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case LookDue:
                var members = _members().ToList();
                var membersUp = members.Count(member => member.Status == nameof(MemberStatus.Up));
                LookAsync(membersUp, Strangers(members)).PipeTo(Self, failure: _ => new Looked(membersUp, null));
                break;
            case Looked looked:
                if (_rule.IsStray(looked.MembersUp, looked.Stranger is not null, Moment.Of(_time)))
                {
                    _log.Error(
                        "For {0} s this member has been in a cluster of {1} of {2}, and {3} answers without being in it: it stops, to join the others at its next start",
                        (int)StrayRule.Patience.TotalSeconds, looked.MembersUp, _seeds.Count, looked.Stranger);
                    CoordinatedShutdown.Get(Context.System).Run(CoordinatedShutdown.ClusterDowningReason.Instance);
                    return;
                }

                Timers.StartSingleTimer(LookDue.Instance, LookDue.Instance, LookEvery);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    // Who is in no cluster yet goes on asking the seeds by itself.
    private string[] Strangers(List<MemberView> members) =>
        members.Count == 0 ? [] : [.. _seeds.Except(members.Select(member => member.Address))];

    private async Task<Looked> LookAsync(int membersUp, string[] strangers)
    {
        // Nobody needs to be asked where this is the majority.
        if (membersUp < (_seeds.Count / 2) + 1)
        {
            foreach (var stranger in strangers)
            {
                if (await AnswersAsync(stranger))
                {
                    return new Looked(membersUp, stranger);
                }
            }
        }

        return new Looked(membersUp, null);
    }

    private async Task<bool> AnswersAsync(string seed)
    {
        var colon = seed.LastIndexOf(':');
        using var client = new TcpClient();
        using var limit = new CancellationTokenSource(AnswerWithin, _time);
        try
        {
            await client.ConnectAsync(seed[..colon], int.Parse(seed.AsSpan(colon + 1), System.Globalization.CultureInfo.InvariantCulture), limit.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    private sealed class LookDue : INoSerializationVerificationNeeded, IDeadLetterSuppression
    {
        public static readonly LookDue Instance = new();
    }

    /// <param name="Stranger">A seed that answers and is no member; null where there is none.</param>
    private sealed record Looked(int MembersUp, string? Stranger) : INoSerializationVerificationNeeded, IDeadLetterSuppression;
}
