namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>How a tailer finds its files again, and which rotated ones are none of its business.</summary>
internal sealed partial class LogTailer
{
    /// <summary>Clocks of files may be this coarse.</summary>
    private const long CoarsestClock = 2_000_000_000;

    /// <summary>Goes on from the checkpoint, if that was not done yet.</summary>
    /// <returns>False where it is too early to.</returns>
    public bool Restore(LogBatch batch) => _isRestored = _isRestored || TryRestore(batch);

    /// <summary>Whether a file is held or was read by this tailer, under whatever name it stands now.</summary>
    public bool Knows(TailedFile file)
    {
        Span<byte> buffer = stackalloc byte[HeadFingerprint.MaxLength];
        var head = file.ReadHead(buffer);
        var isHeld = Held().Exists(held => held.Id == file.Id);
        if (_isRestored || _lastCheckpoint is null || !LogCheckpoint.TryParse(_lastCheckpoint, out var stored))
        {
            return isHeld || _known.ContainsFile(file.Id.Inode, head);
        }

        foreach (var entry in stored.Known.Select(entry => new KnownFiles.Entry(entry.Inode, new HeadFingerprint(entry.HeadLength, entry.HeadHash)))
            .Concat(stored.Files.Select(position => new KnownFiles.Entry(position.Inode, position.Head))))
        {
            if (entry.Inode == file.Id.Inode && entry.Head.Matches(head))
            {
                return true;
            }
        }

        return isHeld;
    }

    /// <summary>Finds the files of the checkpoint again, wherever a rotation took them.</summary>
    /// <returns>
    /// False where it is too early to tell: the log cannot be opened, or neither it nor any of its files is there, as before
    /// a volume is mounted. To begin anew then would count the whole log twice once it can be read.
    /// </returns>
    private bool TryRestore(LogBatch batch)
    {
        if (_lastCheckpoint is null)
        {
            return true;
        }

        if (!LogCheckpoint.TryParse(_lastCheckpoint, out var stored))
        {
            batch.Notes.Add($"{settings.Path}: the stored position cannot be read; going on at the end of the log");
            atEnd = true;
            return true;
        }

        _isThere = NativeFile.TryStat(settings.Path, out var present, out var error);
        if (error == ErrorClass.Permission || (_isThere && present.IsRegular && !RotationSearch.CanOpen(settings.Path)))
        {
            Fail(batch, ErrorClass.Permission, NotReadable);
            return false;
        }

        var found = new List<TailedFile>();
        foreach (var wanted in stored.Files)
        {
            if (RotationSearch.Find(wanted, settings.Path, _directory, found) is { } file)
            {
                found.Add(file);
            }
            else if (_isThere)
            {
                batch.Notes.Add($"{settings.Path}: a file that was read up to byte {wanted.Offset} is gone; what was written to it after that is lost");
            }
        }

        if (!_isThere && found.Count == 0 && stored.Files.Count > 0 && _directory.RotatedFiles().Count == 0 && _directory.Archives(long.MinValue).Count == 0)
        {
            Fail(batch, ErrorClass.FileMissing, NotThere);
            return false;
        }

        _isBegun = true;
        _isChanged = true;
        _archivesUntil = stored.ArchivesUntil ?? NewestArchive();
        _known = new KnownFiles(stored.Known.Select(file => new KnownFiles.Entry(file.Inode, new HeadFingerprint(file.HeadLength, file.HeadHash))));

        // Whether they were found or not, and whatever copies of them lie about: they must not be read again from the first byte.
        foreach (var wanted in stored.Files.Where(wanted => wanted.Head.IdentifiesContent))
        {
            _known.Add(wanted.Inode, wanted.Head);
        }

        _current = found.Find(file => _isThere && file.Id == present.Id);
        found.Where(file => file != _current).ToList().ForEach(Drain);
        DrainUnseen(batch);
        return true;
    }

    /// <summary>At first sight: what was rotated away before is not read, unless the group says since when it looked for logs like this.</summary>
    private void RememberRotated(LogBatch batch)
    {
        if (group?.LookedAt is { } looked)
        {
            _archivesUntil = looked;
            RotationSearch.Remember(_directory, _known, _archivesUntil, Held(), changedBy: looked);
            return;
        }

        _archivesUntil = NewestArchive();
        RotationSearch.Remember(_directory, _known, _archivesUntil, Held());
        var before = _directory.RotatedFiles().Count + _directory.Archives(long.MinValue).Count;
        if (!atEnd && settings.StartAt == StartAt.Beginning && before > 0)
        {
            batch.Notes.Add($"{settings.Path}: is read from its beginning; what was rotated away before ({before} {(before == 1 ? "file" : "files")}) is not read");
        }
    }

    private long NewestArchive() => _directory.Archives(long.MinValue) is { Count: > 0 } archives ? archives[^1].Stat.Modified : 0;

    /// <summary>
    /// What was changed before the oldest file that is held was read to its end, was read before: a rotation compresses what
    /// is older, and keeps the time of its last change or sets a later one.
    /// </summary>
    private void SettleArchives()
    {
        if (Held() is { Count: > 0 } held)
        {
            _archivesUntil = Math.Max(_archivesUntil, held.Min(file => file.ReadToEnd?.Modified ?? long.MinValue + CoarsestClock) - CoarsestClock);
        }
    }
}
