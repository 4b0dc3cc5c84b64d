using System.Net.Sockets;
using Akka.Actor;
using Akka.Event;

namespace FleetVibe.Aggregator.Membership;

/// <summary>Ends a member that has strayed, so that its supervisor starts it again and it joins the others.</summary>
internal sealed class StrayActor : UntypedActor, IWithTimers
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(2);

    private readonly IReadOnlyList<string> _seeds;
    private readonly ClusterView _cluster;
    private readonly TimeProvider _time;
    private readonly StrayRule _rule;
    private readonly ILoggingAdapter _log = Context.GetLogger();

    public StrayActor(IReadOnlyList<string> seeds, ClusterView cluster, TimeProvider time) =>
        (_seeds, _cluster, _time, _rule) = (seeds, cluster, time, new StrayRule(seeds.Count));

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartSingleTimer(LookDue.Instance, LookDue.Instance, LookEvery);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case LookDue:
                LookAsync(_cluster.MembersUp, Strangers()).PipeTo(Self);
                break;
            case Looked looked:
                if (_rule.IsStray(looked.MembersUp, looked.Stranger is not null, _time.GetUtcNow()))
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
    private string[] Strangers()
    {
        var members = _cluster.Views().Select(member => member.Address).ToList();
        return members.Count == 0 ? [] : [.. _seeds.Except(members)];
    }

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
