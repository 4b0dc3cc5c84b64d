namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>
/// Follows every log that matches a pattern, each by a tailer of its own with its own place in the checkpoint. Logs that
/// appear later are read from their first byte; one that is gone is let go once everything of it was read.
/// </summary>
internal sealed class LogGroupTailer : ILogTailer
{
    /// <summary>Logs at a time; each holds a file open.</summary>
    internal const int MaxLogs = 256;

    /// <summary>Time between two looks at the folders.</summary>
    internal static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <summary>How far the times of files may lag behind the clock.</summary>
    private static readonly TimeSpan CoarsestClock = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly JsonLogSourceSettings settings;
    private readonly TimeProvider time;
    private readonly LogPattern pattern;
    private readonly LineReader reader;
    private readonly SortedDictionary<string, LogTailer> logs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, byte[]> checkpoints = [];
    private readonly Dictionary<string, long> goneSince = [];
    private byte[]? stored;
    private bool atEnd;
    private bool isRestored;
    private bool isChanged;
    private bool isDisposed;
    private bool hasTooMany;
    private long? lookedAt;
    private long? lastLook;
    private string? next;

    public LogGroupTailer(JsonLogSourceSettings settings, TimeProvider time, byte[]? checkpoint, bool atEnd)
    {
        this.settings = settings;
        this.time = time;
        this.atEnd = atEnd;
        stored = checkpoint;
        pattern = new LogPattern(settings.Path);
        reader = new LineReader(settings);
    }

    public LogBatch Poll()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            var started = time.GetTimestamp();
            var batch = new LogBatch();
            Restore(batch);
            if (lastLook is not { } last || time.GetElapsedTime(last) >= LookInterval)
            {
                Look(batch);
            }

            Read(batch);
            batch.Checkpoint = TakeCheckpoint();
            batch.Duration = time.GetElapsedTime(started);
            return batch;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            isDisposed = true;
            foreach (var log in logs.Values)
            {
                log.Dispose();
            }

            logs.Clear();
        }
    }

    private void Restore(LogBatch batch)
    {
        if (isRestored)
        {
            return;
        }

        isRestored = true;
        if (stored is null)
        {
            return;
        }

        if (!LogGroupCheckpoint.TryParse(stored, out var group))
        {
            batch.Notes.Add($"{settings.Path}: the stored positions cannot be read; going on at the end of each log");
            (stored, atEnd) = (null, true);
            return;
        }

        lookedAt = group.LookedAt;
        foreach (var (path, checkpoint) in group.Logs)
        {
            checkpoints[path] = checkpoint.ToBytes();
            logs[path] = Follow(path, checkpoints[path]);
            logs[path].Restore(batch);
        }
    }

    /// <summary>Looks for logs that are new.</summary>
    private void Look(LogBatch batch)
    {
        lastLook = time.GetTimestamp();
        var paths = pattern.Find();
        var all = paths.Concat(logs.Keys).ToHashSet(StringComparer.Ordinal);
        var fresh = paths.Where(path => !logs.ContainsKey(path) && !IsRotated(path, all)).ToList();
        var room = MaxLogs - logs.Count;
        hasTooMany = fresh.Count > room;
        foreach (var path in fresh.Take(room).Where(path => !IsFollowed(path)))
        {
            isChanged = true;
            logs[path] = Follow(path, null);
            if (lookedAt is not null)
            {
                batch.Notes.Add($"{path}: is new, and is read from its beginning");
            }
        }

        isChanged |= stored is null;
        lookedAt = (time.GetUtcNow() - CoarsestClock - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
    }

    private LogTailer Follow(string path, byte[]? checkpoint) => new(
        settings with { Path = path }, time, checkpoint, atEnd,
        new LogGroup(reader, other => pattern.Matches(other) && !LogDirectory.IsAppendedName(Path.GetFileName(other), Path.GetFileName(path)), lookedAt));

    /// <summary>Whether a file is what a rotation made of a log that matches too.</summary>
    private static bool IsRotated(string path, HashSet<string> logs)
    {
        var name = Path.GetFileName(path);
        for (var i = name.Length - 1; i > 0; i--)
        {
            if (name[i] is '.' or '-' or '_' && logs.Contains(path[..^(name.Length - i)]) && LogDirectory.IsAppendedName(name, name[..i]))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether the file is followed or was read under another name.</summary>
    private bool IsFollowed(string path)
    {
        try
        {
            using var file = TailedFile.Open(path);
            return logs.Values.Any(log => log.Knows(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Its own tailer will say so.
            return false;
        }
    }

    /// <summary>Begins with the log at which the batch before was full, so that one that never ends does not keep the others waiting.</summary>
    private void Read(LogBatch batch)
    {
        var order = logs.Keys.ToList();
        var first = next is null ? 0 : Math.Max(0, order.FindIndex(path => string.CompareOrdinal(path, next) > 0));
        next = null;
        foreach (var path in order.Skip(first).Concat(order.Take(first)))
        {
            var log = logs[path];
            log.PollInto(batch);
            if (log.TakeCheckpoint() is { } checkpoint)
            {
                checkpoints[path] = checkpoint;
                isChanged = true;
            }

            LetGo(path, log, batch);
            if (batch.IsFull)
            {
                next = path;
                break;
            }
        }

        if (logs.Count == 0 && batch.Error is null)
        {
            batch.Error = ErrorClass.FileMissing;
            batch.ErrorText = $"{settings.Path}: matches no file; check `path`, or wait until a service writes its first line";
        }
        else if (hasTooMany)
        {
            batch.Error = ErrorClass.TooLarge;
            batch.ErrorText = $"{settings.Path}: matches more than {MaxLogs} logs, and only so many are followed; make `path` narrower, or more sources of it";
        }
    }

    private void LetGo(string path, LogTailer log, LogBatch batch)
    {
        if (!log.IsGone)
        {
            goneSince.Remove(path);
            return;
        }

        // Where nothing at all is there, a volume may not be mounted yet.
        if (!goneSince.TryGetValue(path, out var since))
        {
            goneSince[path] = time.GetTimestamp();
            return;
        }

        if (time.GetElapsedTime(since) >= settings.RotateWait && logs.Values.Any(other => !other.IsGone))
        {
            batch.Notes.Add($"{path}: is gone, and is followed no more");
            log.Dispose();
            logs.Remove(path);
            checkpoints.Remove(path);
            goneSince.Remove(path);
            isChanged = true;
        }
    }

    private byte[]? TakeCheckpoint()
    {
        if (!isChanged)
        {
            return null;
        }

        isChanged = false;
        stored = LogGroupCheckpoint.ToBytes(checkpoints, lookedAt!.Value);
        return stored;
    }
}
