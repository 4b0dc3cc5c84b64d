using FleetVibe.Agent.Spool;
using Microsoft.Data.Sqlite;

namespace FleetVibe.Model.Tests;

/// <summary>What befalls an agent.</summary>
internal sealed partial class AgentNode
{
    private static readonly string[] Companions = ["", "-wal", "-shm"];

    private Copy? _copy;

    /// <summary>kill -9, and a start from what the spool holds.</summary>
    internal void Kill()
    {
        CutStream();
        Dispose();
        OpenAgain();
        if (_world.Mutant != Mutant.OpenLost && (_read - _began != Ledger.Seen || _state.OpenRequests != Ledger.Open))
        {
            throw new Violation("I4", $"{Name} goes on at {_read - _began} of its log with {Ledger.Seen} seen, {_state.OpenRequests} of {Ledger.Open} open");
        }
    }

    internal void StopInOrder()
    {
        Store(force: true, closeNothing: true);
        Kill();
    }

    /// <summary>The file is damaged: it is set aside for a new one.</summary>
    internal void ReplaceSpool()
    {
        _replaced = true;
        _handshakeIsOverdue = false;
        BeginAgain(replacesLost: true);
    }

    /// <summary>Nothing is left of it, not even that there was one: only the handshake can tell.</summary>
    internal void LoseFolder()
    {
        _handshakeIsOverdue = _world.Store.Read(db => db.Number("SELECT 1 FROM instances WHERE node = $1 LIMIT 1", Name)) is not null;
        _began = 0;
        BeginAgain(replacesLost: false);
    }

    private void BeginAgain(bool replacesLost)
    {
        CutStream();
        _store.Dispose();
        foreach (var companion in Companions)
        {
            File.Delete(_file.Path + companion);
        }

        _held = [];
        _copy = null;
        _store = SpoolStore.Open(_file.Open(), replacesLost, _world.Now);
        Boot();
    }

    internal void CopySpool()
    {
        if (_handshakeIsOverdue)
        {
            return;
        }

        var files = Companions[..2].Where(companion => File.Exists(_file.Path + companion))
            .ToDictionary(companion => companion, companion => File.ReadAllBytes(_file.Path + companion));
        _copy = new Copy(files, _store.Status.HighestOffered, [.. _held], _began);
    }

    /// <summary>
    /// The spool's file becomes what it was. Not while records that the copy never offered are under way and the gateway has
    /// seen none of them: no handshake can tell that, and the protocol does not promise it.
    /// </summary>
    internal bool RollBack()
    {
        if (_copy is not { } copy)
        {
            return false;
        }

        var offeredSince = _world.Truth.Records.Keys.Any(record => record.Instance == Instance && record.Seq > copy.HighestOffered);
        if (offeredSince && _world.Invariants.HighestSeqOf(Instance) <= copy.HighestOffered)
        {
            return false;
        }

        CutStream();
        Dispose();
        foreach (var companion in Companions)
        {
            File.Delete(_file.Path + companion);
            if (copy.Files.TryGetValue(companion, out var bytes))
            {
                File.WriteAllBytes(_file.Path + companion, bytes);
            }
        }

        (_held, _began, _copy) = ([.. copy.Held], copy.Began, null);
        _handshakeIsOverdue = offeredSince;
        OpenAgain();
        return true;
    }

    /// <summary>The spool makes room: what was never offered goes into larger windows.</summary>
    internal void Coalesce()
    {
        if (_world.Mutant == Mutant.CoalSent)
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = _file.Path, Pooling = false }.ToString());
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "UPDATE records SET offered = 0";
            command.ExecuteNonQuery();
        }

        var made = _store.Coalesce(1 << 20, _world.Now);
        if (made.Gone > 0)
        {
            _world.Note($"{Name} coalesces {made.Gone} records into {string.Join(' ', made.Records.Select(record => record.Seq))}");
            _world.Count("records coalesced", made.Gone);
            _held = [.. _store.OfferedSequences(), .. _store.Backlog(int.MaxValue)];
            _queue?.NoteBacklog();
            CheckLedger();
        }
    }

    private void OpenAgain()
    {
        _file = SpoolFile.Lock(_folder);
        _store = SpoolStore.Open(_file.Open(), false, _world.Now);
        Boot();
    }

    private sealed record Copy(IReadOnlyDictionary<string, byte[]> Files, ulong HighestOffered, IReadOnlyCollection<ulong> Held, int Began);
}
