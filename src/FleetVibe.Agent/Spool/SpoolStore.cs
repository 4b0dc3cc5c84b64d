using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Spool.V1;
using FleetVibe.Protocol.V1;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace FleetVibe.Agent.Spool;

/// <summary>
/// The spool of one agent: records that no aggregator has acknowledged, open windows, windows closed within an hour,
/// checkpoints and the ledger, each change in one transaction. Synchronous, and for one thread only.
/// </summary>
internal sealed partial class SpoolStore : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SpoolMeta _meta;
    private readonly bool _bornNow;
    private readonly OutageForecast _forecast = new();
    private long _records;
    private long _version;

    private SpoolStore(SqliteConnection connection, SpoolMeta meta, bool bornNow)
    {
        _connection = connection;
        _meta = meta;
        _bornNow = bornNow;
        _records = Count("SELECT count(*) FROM records");
    }

    /// <summary>Whether it was begun with this opening.</summary>
    internal bool IsNew => _bornNow;

    /// <summary>Why the spool before this one was lost, until its event is stored.</summary>
    internal string? LostWhy { get; set; }

    internal SpoolStatus Status => new(_version, _meta.Instance, (ulong)_meta.NextSeq, Floor(), _meta.Ledger, UsedBytes(), _records, (ulong)_meta.HighestAcked)
    {
        HighestOffered = (ulong)_meta.HighestOffered,
        ReplacedLostAt = _meta.ReplacesLost ? _meta.Created : null,
    };

    /// <summary>Opens the store on a database that was proved whole.</summary>
    /// <param name="replacesLost">The database is new because an older one was lost.</param>
    /// <exception cref="SpoolDamagedException">Its rows contradict each other.</exception>
    internal static SpoolStore Open(SqliteConnection connection, bool replacesLost, DateTimeOffset now)
    {
        var meta = SpoolMeta.Load(connection);
        var bornNow = meta is null;
        using var transaction = connection.BeginTransaction();
        meta ??= SpoolMeta.Create(connection, replacesLost, now);
        transaction.Commit();
        if (bornNow)
        {
            // Which spool it is must not go with a write-ahead log that is lost.
            SpoolSchema.Execute(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        }

        return new SpoolStore(connection, meta, bornNow);
    }

    /// <summary>What a start needs: open windows, checkpoints, counters.</summary>
    /// <exception cref="SpoolDamagedException">A row cannot be read.</exception>
    internal SpoolContents Load()
    {
        var open = new List<WindowPart>();
        using (var command = Command("SELECT content FROM open_windows ORDER BY start"))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
            {
                open.Add(Parse((byte[])reader[0]));
            }
        }

        var checkpoints = new Dictionary<string, byte[]>();
        using (var command = Command("SELECT key, checkpoint FROM sources WHERE checkpoint IS NOT NULL"))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
            {
                checkpoints.Add(reader.GetString(0), (byte[])reader[1]);
            }
        }

        var contents = new SpoolContents(open, checkpoints, Status) { LostWhy = LostWhy, ClockOffset = _meta.ClockOffset };
        if (!_meta.Ledger.AddsUp || open.Sum(part => part.CountedRequests) != _meta.Ledger.Open
            || Count("SELECT coalesce(sum(requests), 0) FROM records") != _meta.Ledger.Spooled)
        {
            throw new SpoolDamagedException("its ledger does not add up");
        }

        return contents;
    }

    /// <summary>When a source was first watched; now where it never was.</summary>
    internal WatchedSource Watch(string sourceKey, DateTimeOffset now)
    {
        using var transaction = _connection.BeginTransaction();
        Execute(
            "INSERT OR IGNORE INTO sources (key, watched_since, fresh) VALUES ($key, $now, $fresh)",
            ("$key", sourceKey),
            ("$now", now.ToUnixTimeMilliseconds()),
            ("$fresh", _bornNow && _meta.ReplacesLost));
        transaction.Commit();
        using var command = Command("SELECT watched_since, fresh FROM sources WHERE key = $key", ("$key", sourceKey));
        using var reader = command.ExecuteReader();
        reader.Read();
        return new WatchedSource(DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(0)), reader.GetBoolean(1));
    }

    internal SpoolStatus CountReconnect()
    {
        using var transaction = _connection.BeginTransaction();
        SaveLedger(_meta.Ledger with { Reconnects = _meta.Ledger.Reconnects + 1 }, _meta.NextSeq, transaction);
        return Status;
    }

    public void Dispose() => _connection.Dispose();

    private static WindowPart Parse(byte[] content)
    {
        try
        {
            return StoredWindowMapper.FromStored(StoredWindow.Parser.ParseFrom(content));
        }
        catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException or ArgumentException)
        {
            throw new SpoolDamagedException($"a stored window cannot be read: {e.Message}");
        }
    }

    private ulong Floor() => (ulong)(Scalar("SELECT min(seq) FROM records") is long floor ? floor : _meta.NextSeq);

    private long UsedBytes() =>
        (Count("PRAGMA page_count") - Count("PRAGMA freelist_count")) * Count("PRAGMA page_size");

    // The counters in memory change only once the file has them.
    private void SaveLedger(Ledger ledger, long nextSeq, SqliteTransaction transaction)
    {
        SpoolMeta.Write(_connection, ledger, nextSeq);
        transaction.Commit();
        _meta.Accept(ledger, nextSeq);
        _version++;
    }

    private long Count(string sql, params ReadOnlySpan<(string Name, object Value)> parameters) => (long)Scalar(sql, parameters)!;

    private object? Scalar(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var command = Command(sql, parameters);
        return command.ExecuteScalar();
    }

    private int Execute(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var command = Command(sql, parameters);
        return command.ExecuteNonQuery();
    }

    private SqliteCommand Command(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            command.Parameters.AddWithValue(name, value);
        }

        return command;
    }
}
