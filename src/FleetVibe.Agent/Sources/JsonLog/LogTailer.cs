namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>Looks at the logs of one source. All I/O is done by <see cref="Poll"/>, which blocks: it belongs on a pool thread,
/// one call at a time. Disposing may come from another thread and waits for it.</summary>
internal interface ILogTailer : IDisposable
{
    /// <summary>Looks once: follows rotations and reads what is new, up to the size of a batch.</summary>
    LogBatch Poll();
}

/// <summary>
/// Follows one log through every kind of rotation, and brings each whole line exactly once for every way in which the work
/// may be cut into pieces by restarts from a checkpoint.
/// </summary>
/// <param name="settings">The source.</param>
/// <param name="time">Measures how long a rotated file has been quiet.</param>
/// <param name="checkpoint">Where to go on; null where the log was never seen before.</param>
/// <param name="atEnd">Without a checkpoint: begin at the end, whatever the settings say.</param>
/// <param name="group">The logs that this one is followed with; null where it is alone.</param>
internal sealed partial class LogTailer(JsonLogSourceSettings settings, TimeProvider time, byte[]? checkpoint, bool atEnd, LogGroup? group = null) : ILogTailer
{
    private const string NotThere = "does not exist; check `path`, or wait until the service writes its first line";
    private const string NotReadable =
        "may not be read; give the agent's user the right to enter its folder and to read it, in the rotation's `create` mode too";

    private readonly Lock _gate = new();
    private readonly LineReader _reader = group?.Reader ?? new LineReader(settings);
    private readonly LogDirectory _directory = new(settings.Path, group?.IsOtherLog);
    private readonly List<TailedFile> _draining = [];
    private KnownFiles _known = new([]);
    private TailedFile? _current;

    /// <summary>Whether it is settled where this log begins; from then on whatever appears at its path is read from its first byte.</summary>
    private bool _isBegun;
    private bool _isRestored;
    private bool _isDisposed;
    private bool _isChanged;
    private bool _isThere;

    /// <summary>Compressed files changed by then were read, or were there before.</summary>
    private long _archivesUntil = long.MinValue;
    private byte[]? _lastCheckpoint = checkpoint;

    /// <summary>Nothing stands at its path, and nothing of it is left to be read.</summary>
    public bool IsGone => !_isThere && _draining.Count == 0;

    public LogBatch Poll()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            var started = time.GetTimestamp();
            var batch = new LogBatch();
            PollInto(batch);
            batch.Checkpoint = TakeCheckpoint();
            batch.Duration = time.GetElapsedTime(started);
            return batch;
        }
    }

    /// <summary>One look for a group, which locks and takes the checkpoint.</summary>
    public void PollInto(LogBatch batch)
    {
        _reader.Now = time.GetUtcNow();
        if (Restore(batch))
        {
            FollowPath(batch);
            Held().ForEach(file => Read(file, batch));
            CloseQuietFiles(batch);
        }
    }

    /// <returns>Null where nothing changed.</returns>
    public byte[]? TakeCheckpoint()
    {
        if (!_isBegun || !_isChanged)
        {
            return null;
        }

        _isChanged = false;
        SettleArchives();
        var bytes = new LogCheckpoint(
            [.. Held().Select(file => file.Position)],
            [.. _known.Entries.Select(entry => new LogCheckpoint.KnownFile(entry.Inode, entry.Head.Length, entry.Head.Hash))])
        {
            ArchivesUntil = _archivesUntil,
        }.ToBytes();
        if (_lastCheckpoint is not null && bytes.AsSpan().SequenceEqual(_lastCheckpoint))
        {
            return null;
        }

        _lastCheckpoint = bytes;
        return bytes;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            Held().ForEach(file => file.Dispose());
            _draining.Clear();
            _current = null;
        }
    }

    private List<TailedFile> Held() => _current is null ? [.. _draining] : [.. _draining, _current];

    /// <summary>Compares the log's path with the file that is held, and changes over where another stands there.</summary>
    private void FollowPath(LogBatch batch)
    {
        _isThere = NativeFile.TryStat(settings.Path, out var present, out var error);
        if (_isThere && present.Id == _current?.Id)
        {
            return;
        }

        if (_current is not null)
        {
            batch.Notes.Add($"{settings.Path}: rotated; its old file is read until it has been quiet for {settings.RotateWait.TotalSeconds:0} s");
            Drain(_current);
            _current = null;
        }

        if (_isThere && !present.IsRegular)
        {
            Fail(batch, ErrorClass.WrongContent, "is no regular file; name the log file itself");
            return;
        }

        if (!_isThere)
        {
            Fail(batch, error!.Value, error == ErrorClass.Permission ? NotReadable : NotThere);
            if (error == ErrorClass.FileMissing)
            {
                FollowWithoutFile(batch);
            }

            return;
        }

        TailedFile? file = null;
        try
        {
            file = TailedFile.Open(settings.Path);
            Adopt(file, batch);
        }
        catch (UnauthorizedAccessException)
        {
            Fail(batch, ErrorClass.Permission, NotReadable);
        }
        catch (IOException e)
        {
            file?.Dispose();
            Fail(batch, ErrorClass.FileMissing, $"cannot be opened: {e.Message}");
        }
    }

    private void Adopt(TailedFile file, LogBatch batch)
    {
        _isChanged = true;
        file.ChangedAt = time.GetTimestamp();
        if (_draining.Find(held => held.Id == file.Id) is { } returned)
        {
            file.Dispose();
            _draining.Remove(returned);
            _current = returned;
            return;
        }

        if (_isBegun)
        {
            _current = file;
            DrainUnseen(batch);
            return;
        }

        if (group?.LookedAt is null && (atEnd || settings.StartAt == StartAt.End))
        {
            MoveToLastLine(file);
        }

        _current = file;
        _isBegun = true;
        RememberRotated(batch);
        if (group?.LookedAt is not null)
        {
            DrainUnseen(batch);
        }
    }

    private void FollowWithoutFile(LogBatch batch)
    {
        if (_isBegun)
        {
            // It may have been there and gone again since the last look.
            DrainUnseen(batch);
            return;
        }

        _isBegun = true;
        _isChanged = true;
        RememberRotated(batch);
    }

    private void DrainUnseen(LogBatch batch)
    {
        // What was written since the last look counts too in telling a copy.
        Held().ForEach(file => file.TryCheckHead());
        foreach (var unseen in RotationSearch.FindUnseen(_directory, _known, _archivesUntil, Held()))
        {
            batch.Notes.Add($"{settings.Path}: was rotated more than once between two looks; a further rotated file is read from its start");
            Drain(unseen);
        }
    }

    /// <summary>To the start of the line that is being written, so that it counts once it is whole.</summary>
    private void MoveToLastLine(TailedFile file)
    {
        file.CheckHead();
        var end = file.Stat().Size;
        var tail = new byte[Math.Min(end, settings.MaxLineBytes + 1L)];
        var read = file.Read(tail, end - tail.Length);
        var newline = tail.AsSpan(0, read).LastIndexOf((byte)'\n');
        file.Offset = newline < 0 && tail.Length == end ? 0 : end - tail.Length + newline + 1;
        file.SkipToNewline = newline < 0 && tail.Length < end;
    }

    private void Drain(TailedFile file)
    {
        _isChanged = true;
        file.ChangedAt = time.GetTimestamp();
        _draining.Add(file);
    }

    private void Read(TailedFile file, LogBatch batch)
    {
        try
        {
            var stat = file.Stat();
            if (batch.IsFull || file.ReadToEnd == (stat.Size, stat.Modified))
            {
                return;
            }

            _isChanged = true;
            file.ChangedAt = time.GetTimestamp();
            file.ReadToEnd = null;
            var isWhole = _reader.TryReadInto(file, batch);
            if (!isWhole)
            {
                if (!TryRecoverFromCut(file, batch))
                {
                    return;
                }

                stat = file.Stat();
                isWhole = _reader.TryReadInto(file, batch);
            }

            if (isWhole && !batch.IsFull)
            {
                file.ReadToEnd = (stat.Size, stat.Modified);
            }
        }
        catch (IOException e)
        {
            Fail(batch, ErrorClass.FileMissing, $"cannot be read: {e.Message}");
        }
    }

    /// <summary>The file was cut while its path stayed: what was not read of it may still stand in a copy; it begins anew.</summary>
    /// <returns>False where it is held no more.</returns>
    private bool TryRecoverFromCut(TailedFile file, LogBatch batch)
    {
        var before = file.Position;
        var copy = RotationSearch.FindCopy(before, _directory, Held());
        if (copy is not null)
        {
            Drain(copy);
        }

        batch.Notes.Add(copy is null
            ? $"{settings.Path}: truncated at byte {before.Offset} or after; what was not read by then is lost"
            : $"{settings.Path}: truncated; the rest is read from its copy");
        _known.Add(before.Inode, before.Head);
        RotationSearch.Remember(_directory, _known, _archivesUntil, Held());
        file.Restart();

        // A rotated file may have been overwritten with a copy of what is read elsewhere.
        if (file != _current && !RotationSearch.IsUnseen(file, _known, [.. Held().Where(other => other != file)]))
        {
            _draining.Remove(file);
            file.Dispose();
            return false;
        }

        return true;
    }

    private void CloseQuietFiles(LogBatch batch)
    {
        foreach (var file in _draining.ToList())
        {
            if (file.ReadToEnd is null || time.GetElapsedTime(file.ChangedAt) < settings.RotateWait)
            {
                continue;
            }

            if (IsDamaged(file))
            {
                batch.Skipped.Count(SkipReason.DamagedArchive, file.Path, file.Offset);
                batch.Notes.Add($"{file.Path}: the archive is damaged or cut; it could be read up to byte {file.Offset} of its content, and what stood behind that is lost");
            }
            else if (file.IsUnfinished)
            {
                batch.Skipped.Count(SkipReason.Unfinished, file.Path, file.Offset);
            }

            _isChanged = true;
            _known.Add(file.Id.Inode, file.Head);
            _draining.Remove(file);
            file.Dispose();
        }
    }

    private static bool IsDamaged(TailedFile file)
    {
        try
        {
            return file.IsDamagedArchive();
        }
        catch (IOException)
        {
            return true;
        }
    }

    private void Fail(LogBatch batch, ErrorClass error, string what)
    {
        // One of many logs may go as it came.
        if (group is null || error != ErrorClass.FileMissing)
        {
            batch.Error = error;
            batch.ErrorText = $"{settings.Path}: {what}";
        }
    }
}
