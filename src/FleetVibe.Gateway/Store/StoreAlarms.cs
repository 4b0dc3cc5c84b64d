using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Store;

/// <summary>Says in the log what a person has to look into, where the answer to a caller alone would hide it. Thread safe.</summary>
internal sealed class StoreAlarms(ILogger logger)
{
    private const int MostFaultsTold = 10_000;

    private readonly Lock _lock = new();
    private readonly HashSet<(string Node, string Fault)> _told = [];

    /// <summary>Points that were acknowledged and not taken: one line for each node and fault.</summary>
    internal void OnPointsRefused(string node, string fault)
    {
        lock (_lock)
        {
            if (_told.Count >= MostFaultsTold || !_told.Add((node, fault)))
            {
                return;
            }
        }

        logger.LogWarning("Points of {Node} are refused: {Fault}. This is told once; points_refused of vibe_fleetvibe counts them", node, fault);
    }

    internal void OnCommit(CommitRequest request, CommitAnswer answer)
    {
        switch (answer.Alarm)
        {
            case CommitAlarm.IdTakenTwice:
                logger.LogError(
                    "A commit to window {Start} of {Model}/{Task} from {Nodes} holds a record whose id was used for other content: a spool was cloned or went back in time",
                    request.Key.Start, request.Key.Series.Model, request.Key.Series.Task, string.Join(", ", request.Added.Select(p => p.Record.Node).Distinct()));
                break;
            case CommitAlarm.WentBack:
                logger.LogCritical(
                    "The commit log went back in time: {Reason}. Find out whether a snapshot was restored or a disk lost its last writes; what came since the copy is gone and is not counted twice",
                    answer.Reply.Reason);
                break;
            default:
                break;
        }
    }
}
