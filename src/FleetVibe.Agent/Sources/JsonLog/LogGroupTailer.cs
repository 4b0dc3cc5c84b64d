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

    private readonly Lock _gate = new();
    private readonly JsonLogSourceSettings _settings;
    private readonly TimeProvider _time;
    private readonly LogPattern _pattern;
    private readonly LineReader _reader;
    private readonly SortedDictionary<string, LogTailer> _logs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, byte[]> _checkpoints = [];
    private readonly Dictionary<string, long> _goneSince = [];
    private byte[]? _stored;
    private bool _atEnd;
    private bool _isRestored;
    private bool _isChanged;
    private bool _isDisposed;
    private bool _hasTooMany;
    private long? _lookedAt;
    private long? _lastLook;
    private string? _next;

    public LogGroupTailer(JsonLogSourceSettings settings, TimeProvider time, byte[]? checkpoint, bool atEnd)
    {
        _settings = settings;
        _time = time;
        _atEnd = atEnd;
        _stored = checkpoint;
        _pattern = new LogPattern(settings.Path);
        _reader = new LineReader(settings);
    }

    public LogBatch Poll()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            var started = _time.GetTimestamp();
            var batch = new LogBatch();
            Restore(batch);
            if (_lastLook is not { } last || _time.GetElapsedTime(last) >= LookInterval)
            {
                Look(batch);
            }

            Read(batch);
            batch.Checkpoint = TakeCheckpoint();
            batch.Duration = _time.GetElapsedTime(started);
            return batch;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            foreach (var log in _logs.Values)
            {
                log.Dispose();
            }

            _logs.Clear();
        }
    }

    private void Restore(LogBatch batch)
    {
        if (_isRestored)
        {
            return;
        }

        _isRestored = true;
        if (_stored is null)
        {
            return;
        }

        if (!LogGroupCheckpoint.TryParse(_stored, out var group))
        {
            batch.Notes.Add($"{_settings.Path}: the stored positions cannot be read; going on at the end of each log");
            (_stored, _atEnd) = (null, true);
            return;
        }

        _lookedAt = group.LookedAt;
        foreach (var (path, checkpoint) in group.Logs)
        {
            _checkpoints[path] = checkpoint.ToBytes();
            _logs[path] = Follow(path, _checkpoints[path]);
            _logs[path].Restore(batch);
        }
    }

    /// <summary>Looks for logs that are new.</summary>
    private void Look(LogBatch batch)
    {
        _lastLook = _time.GetTimestamp();
        var paths = _pattern.Find();
        var all = paths.Concat(_logs.Keys).ToHashSet(StringComparer.Ordinal);
        var fresh = paths.Where(path => !_logs.ContainsKey(path) && !IsRotated(path, all)).ToList();
        var room = MaxLogs - _logs.Count;
        _hasTooMany = fresh.Count > room;
        foreach (var path in fresh.Take(room).Where(path => !IsFollowed(path)))
        {
            _isChanged = true;
            _logs[path] = Follow(path, null);
            if (_lookedAt is not null)
            {
                batch.Notes.Add($"{path}: is new, and is read from its beginning");
            }
        }

        _isChanged |= _stored is null;
        _lookedAt = (_time.GetUtcNow() - CoarsestClock - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
    }

    private LogTailer Follow(string path, byte[]? checkpoint) => new(
        _settings with { Path = path }, _time, checkpoint, _atEnd,
        new LogGroup(_reader, other => _pattern.Matches(other) && !LogDirectory.IsAppendedName(Path.GetFileName(other), Path.GetFileName(path)), _lookedAt));

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
            return _logs.Values.Any(log => log.Knows(file));
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
        var order = _logs.Keys.ToList();
        var first = _next is null ? 0 : Math.Max(0, order.FindIndex(path => string.CompareOrdinal(path, _next) > 0));
        _next = null;
        foreach (var path in order.Skip(first).Concat(order.Take(first)))
        {
            var log = _logs[path];
            log.PollInto(batch);
            if (log.TakeCheckpoint() is { } checkpoint)
            {
                _checkpoints[path] = checkpoint;
                _isChanged = true;
            }

            LetGo(path, log, batch);
            if (batch.IsFull)
            {
                _next = path;
                break;
            }
        }

        if (_logs.Count == 0 && batch.Error is null)
        {
            batch.Error = ErrorClass.FileMissing;
            batch.ErrorText = $"{_settings.Path}: matches no file; check `path`, or wait until a service writes its first line";
        }
        else if (_hasTooMany)
        {
            batch.Error = ErrorClass.TooLarge;
            batch.ErrorText = $"{_settings.Path}: matches more than {MaxLogs} logs, and only so many are followed; make `path` narrower, or more sources of it";
        }
    }

    private void LetGo(string path, LogTailer log, LogBatch batch)
    {
        if (!log.IsGone)
        {
            _goneSince.Remove(path);
            return;
        }

        // Where nothing at all is there, a volume may not be mounted yet.
        if (!_goneSince.TryGetValue(path, out var since))
        {
            _goneSince[path] = _time.GetTimestamp();
            return;
        }

        if (_time.GetElapsedTime(since) >= _settings.RotateWait && _logs.Values.Any(other => !other.IsGone))
        {
            batch.Notes.Add($"{path}: is gone, and is followed no more");
            log.Dispose();
            _logs.Remove(path);
            _checkpoints.Remove(path);
            _goneSince.Remove(path);
            _isChanged = true;
        }
    }

    private byte[]? TakeCheckpoint()
    {
        if (!_isChanged)
        {
            return null;
        }

        _isChanged = false;
        _stored = LogGroupCheckpoint.ToBytes(_checkpoints, _lookedAt!.Value);
        return _stored;
    }
}
