using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Store;

/// <summary>Says in the log what a person has to look into, where the answer to a caller alone would hide it. Thread safe.</summary>
internal sealed class StoreAlarms(ILogger logger)
{
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
