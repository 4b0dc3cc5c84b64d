namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>What a tailer shares with those that one pattern brought beside it.</summary>
/// <param name="Reader">Reads their lines.</param>
/// <param name="IsOtherLog">Whether a file beside the log is followed by itself.</param>
/// <param name="LookedAt">
/// When the pattern was last looked up before this log was there, in nanoseconds of the unix epoch: all of the log was written
/// later, and is read. Null where it was there at first sight.
/// </param>
internal sealed record LogGroup(LineReader Reader, Func<string, bool> IsOtherLog, long? LookedAt);
