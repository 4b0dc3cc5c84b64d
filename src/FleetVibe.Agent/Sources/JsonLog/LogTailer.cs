namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>
/// Follows one log through every kind of rotation, and brings each whole line exactly once for every way in which the work
/// may be cut into pieces by restarts from a checkpoint. All I/O is done by <see cref="Poll"/>, which blocks: it belongs on
/// a pool thread, one call at a time. <see cref="Dispose"/> may come from another thread and waits for it.
/// </summary>
/// <param name="settings">The source.</param>
/// <param name="time">Measures how long a rotated file has been quiet.</param>
/// <param name="checkpoint">Where to go on; null where the log was never seen before.</param>
/// <param name="atEnd">Without a checkpoint: begin at the end, whatever the settings say.</param>
internal sealed class LogTailer(JsonLogSourceSettings settings, TimeProvider time, byte[]? checkpoint, bool atEnd) : IDisposable
{
    private const string NotThere = "does not exist; check `path`, or wait until the service writes its first line";
    private const string NotReadable =
        "may not be read; give the agent's user the right to enter its folder and to read it, in the rotation's `create` mode too";

    private readonly Lock gate = new();
    private readonly LineReader reader = new(new LogLineParser(settings), settings.MaxLineBytes);
    private readonly LogDirectory directory = new(settings.Path);
    private readonly List<TailedFile> draining = [];
    private KnownFiles known = new([]);
    private TailedFile? current;

    /// <summary>Whether it is settled where this log begins; from then on whatever appears at its path is read from its first byte.</summary>
    private bool isBegun;
    private bool isRestored;
    private bool isDisposed;
    private bool isChanged;
    private byte[]? lastCheckpoint = checkpoint;

    /// <summary>Looks at the log once: follows rotations and reads what is new, up to the size of a batch.</summary>
    public LogBatch Poll()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            var started = time.GetTimestamp();
            var batch = new LogBatch();
            isRestored = isRestored || TryRestore(batch);
            if (isRestored)
            {
                FollowPath(batch);
                Held().ForEach(file => Read(file, batch));
                CloseQuietFiles(batch);
                TakeCheckpoint(batch);
            }

            batch.Duration = time.GetElapsedTime(started);
            return batch;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            isDisposed = true;
            Held().ForEach(file => file.Dispose());
            draining.Clear();
            current = null;
        }
    }

    private List<TailedFile> Held() => current is null ? [.. draining] : [.. draining, current];

    /// <summary>Finds the files of the checkpoint again, wherever a rotation took them.</summary>
    /// <returns>
    /// False where it is too early to tell: the log cannot be opened, or neither it nor any of its files is there, as before
    /// a volume is mounted. To begin anew then would count the whole log twice once it can be read.
    /// </returns>
    private bool TryRestore(LogBatch batch)
    {
        if (lastCheckpoint is null)
        {
            return true;
        }

        if (!LogCheckpoint.TryParse(lastCheckpoint, out var stored))
        {
            batch.Notes.Add($"{settings.Path}: the stored position cannot be read; going on at the end of the log");
            atEnd = true;
            return true;
        }

        var isThere = NativeFile.TryStat(settings.Path, out var present, out var error);
        if (error == ErrorClass.Permission || (isThere && present.IsRegular && !RotationSearch.CanOpen(settings.Path)))
        {
            Fail(batch, ErrorClass.Permission, NotReadable);
            return false;
        }

        var found = new List<TailedFile>();
        foreach (var wanted in stored.Files)
        {
            if (RotationSearch.Find(wanted, settings.Path, directory, found) is { } file)
            {
                found.Add(file);
            }
            else if (isThere)
            {
                batch.Notes.Add($"{settings.Path}: a file that was read up to byte {wanted.Offset} is gone; what was written to it after that is lost");
            }
        }

        if (!isThere && found.Count == 0 && stored.Files.Count > 0 && directory.RotatedFiles().Count == 0)
        {
            Fail(batch, ErrorClass.FileMissing, NotThere);
            return false;
        }

        isBegun = true;
        isChanged = true;
        known = new KnownFiles(stored.Known.Select(file => new KnownFiles.Entry(file.Inode, new HeadFingerprint(file.HeadLength, file.HeadHash))));

        // Whether they were found or not, and whatever copies of them lie about: they must not be read again from the first byte.
        foreach (var wanted in stored.Files.Where(wanted => wanted.Head.IdentifiesContent))
        {
            known.Add(wanted.Inode, wanted.Head);
        }

        current = found.Find(file => isThere && file.Id == present.Id);
        found.Where(file => file != current).ToList().ForEach(Drain);
        DrainUnseen(batch);
        return true;
    }

    /// <summary>Compares the log's path with the file that is held, and changes over where another stands there.</summary>
    private void FollowPath(LogBatch batch)
    {
        var isThere = NativeFile.TryStat(settings.Path, out var present, out var error);
        if (isThere && present.Id == current?.Id)
        {
            return;
        }

        if (current is not null)
        {
            batch.Notes.Add($"{settings.Path}: rotated; its old file is read until it has been quiet for {settings.RotateWait.TotalSeconds:0} s");
            Drain(current);
            current = null;
        }

        if (isThere && !present.IsRegular)
        {
            Fail(batch, ErrorClass.WrongContent, "is no regular file; name the log file itself");
            return;
        }

        if (!isThere)
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
        isChanged = true;
        file.ChangedAt = time.GetTimestamp();
        if (draining.Find(held => held.Id == file.Id) is { } returned)
        {
            file.Dispose();
            draining.Remove(returned);
            current = returned;
            return;
        }

        if (isBegun)
        {
            current = file;
            DrainUnseen(batch);
            return;
        }

        if (atEnd || settings.StartAt == StartAt.End)
        {
            MoveToLastLine(file);
        }

        current = file;
        isBegun = true;
        RotationSearch.Remember(directory, known, Held());
    }

    private void FollowWithoutFile(LogBatch batch)
    {
        if (isBegun)
        {
            // It may have been there and gone again since the last look.
            DrainUnseen(batch);
            return;
        }

        isBegun = true;
        isChanged = true;
        RotationSearch.Remember(directory, known, Held());
    }

    private void DrainUnseen(LogBatch batch)
    {
        foreach (var unseen in RotationSearch.FindUnseen(directory, known, Held()))
        {
            batch.Notes.Add($"{settings.Path}: was rotated more than once between two looks; a further rotated file is read from its start");
            Drain(unseen);
        }
    }

    /// <summary>To the start of the line that is being written, so that it counts once it is whole.</summary>
    private void MoveToLastLine(TailedFile file)
    {
        file.CheckHead();
        var end = NativeFile.Stat(file.Handle).Size;
        var tail = new byte[Math.Min(end, settings.MaxLineBytes + 1L)];
        var read = RandomAccess.Read(file.Handle, tail, end - tail.Length);
        var newline = tail.AsSpan(0, read).LastIndexOf((byte)'\n');
        file.Offset = newline < 0 && tail.Length == end ? 0 : end - tail.Length + newline + 1;
        file.SkipToNewline = newline < 0 && tail.Length < end;
    }

    private void Drain(TailedFile file)
    {
        isChanged = true;
        file.ChangedAt = time.GetTimestamp();
        draining.Add(file);
    }

    private void Read(TailedFile file, LogBatch batch)
    {
        try
        {
            var stat = NativeFile.Stat(file.Handle);
            if (batch.IsFull || file.ReadToEnd == (stat.Size, stat.Modified))
            {
                return;
            }

            isChanged = true;
            file.ChangedAt = time.GetTimestamp();
            file.ReadToEnd = null;
            var isWhole = reader.TryReadInto(file, batch);
            if (!isWhole)
            {
                if (!TryRecoverFromCut(file, batch))
                {
                    return;
                }

                stat = NativeFile.Stat(file.Handle);
                isWhole = reader.TryReadInto(file, batch);
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
        var before = Position(file);
        var copy = RotationSearch.FindCopy(before, directory, Held());
        if (copy is not null)
        {
            Drain(copy);
        }

        batch.Notes.Add(copy is null
            ? $"{settings.Path}: truncated at byte {before.Offset} or after; what was not read by then is lost"
            : $"{settings.Path}: truncated; the rest is read from its copy");
        known.Add(before.Inode, before.Head);
        RotationSearch.Remember(directory, known, Held());
        file.Restart();

        // A rotated file may have been overwritten with a copy of what is read elsewhere.
        if (file != current && !RotationSearch.IsUnseen(file, known, [.. Held().Where(other => other != file)]))
        {
            draining.Remove(file);
            file.Dispose();
            return false;
        }

        return true;
    }

    private void CloseQuietFiles(LogBatch batch)
    {
        foreach (var file in draining.ToList())
        {
            if (file.ReadToEnd is not { } end || time.GetElapsedTime(file.ChangedAt) < settings.RotateWait)
            {
                continue;
            }

            if (end.Size > file.Offset || file.SkipToNewline)
            {
                batch.Skipped.Count(SkipReason.Unfinished);
            }

            isChanged = true;
            known.Add(file.Id.Inode, file.Head);
            draining.Remove(file);
            file.Dispose();
        }
    }

    private void TakeCheckpoint(LogBatch batch)
    {
        if (!isBegun || !isChanged)
        {
            return;
        }

        isChanged = false;
        var bytes = new LogCheckpoint(
            [.. Held().Select(Position)],
            [.. known.Entries.Select(entry => new LogCheckpoint.KnownFile(entry.Inode, entry.Head.Length, entry.Head.Hash))]).ToBytes();
        if (lastCheckpoint is null || !bytes.AsSpan().SequenceEqual(lastCheckpoint))
        {
            batch.Checkpoint = bytes;
            lastCheckpoint = bytes;
        }
    }

    private static LogCheckpoint.FilePosition Position(TailedFile file) =>
        new(file.Id.Device, file.Id.Inode, file.Head.Length, file.Head.Hash, file.Offset, file.SkipToNewline);

    private void Fail(LogBatch batch, ErrorClass error, string what)
    {
        batch.Error = error;
        batch.ErrorText = $"{settings.Path}: {what}";
    }
}
