using System.Data.Common;

namespace FleetVibe.Gateway.Store;

/// <summary>
/// One connection with its prepared statements, and the little in which the stores differ. Arguments are <c>$1</c>, <c>$2</c>...:
/// <see cref="long"/>, <see cref="string"/>, <c>byte[]</c> or <see cref="ListOf"/>. Belongs to one thread.
/// </summary>
internal abstract class Database : IDisposable
{
    private readonly Dictionary<string, DbCommand> _prepared = [];

    /// <summary>False outside a transaction, and where the store took a failed one back by itself.</summary>
    internal abstract bool InTransaction { get; }

    protected abstract DbConnection Connection { get; }

    /// <summary>Begins a transaction that writes alone, or one that reads a snapshot. Opens the connection where it was lost.</summary>
    internal abstract void Begin(bool write);

    /// <summary>A condition: the column is one of the numbers in an argument made by <see cref="ListOf"/>.</summary>
    internal abstract string IsIn(string column, int argument);

    internal abstract object ListOf(IReadOnlyCollection<long> numbers);

    /// <summary>What a fault of the store means to whoever asked; null where it concerns the statement alone.</summary>
    internal abstract Exception? Explain(Exception fault);

    /// <summary>Whether the same transaction may succeed at once when it is run again.</summary>
    internal virtual bool IsWorthRetrying(Exception fault) => false;

    /// <summary>After a transaction that cannot be ended: makes the next one begin afresh. False where only a restart helps.</summary>
    internal virtual bool Renew() => false;

    internal int Execute(string sql, params ReadOnlySpan<object?> arguments) => Bind(sql, arguments).ExecuteNonQuery();

    /// <summary>The caller disposes the reader before another statement is run.</summary>
    internal DbDataReader Query(string sql, params ReadOnlySpan<object?> arguments) => Bind(sql, arguments).ExecuteReader();

    internal long? Number(string sql, params ReadOnlySpan<object?> arguments) => Bind(sql, arguments).ExecuteScalar() switch
    {
        long number => number,
        int number => number,
        _ => null,
    };

    internal string? Text(string sql, params ReadOnlySpan<object?> arguments) => Bind(sql, arguments).ExecuteScalar() as string;

    /// <summary>Runs a text of several statements, once.</summary>
    internal void Run(string script)
    {
        using var command = Connection.CreateCommand();
#pragma warning disable CA2100 // every script is a constant of this room
        command.CommandText = script;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            ForgetStatements();
            Connection.Dispose();
        }
    }

    protected abstract DbParameter NewParameter(int number);

    protected abstract void SetValue(DbParameter parameter, object? value);

    /// <summary>The statements of a connection that is gone.</summary>
    protected void ForgetStatements()
    {
        foreach (var command in _prepared.Values)
        {
            command.Dispose();
        }

        _prepared.Clear();
    }

    private DbCommand Bind(string sql, ReadOnlySpan<object?> arguments)
    {
        if (!_prepared.TryGetValue(sql, out var command))
        {
            command = Connection.CreateCommand();
#pragma warning disable CA2100 // every statement is a constant of this room; values are bound
            command.CommandText = sql;
#pragma warning restore CA2100
            for (var i = 1; i <= arguments.Length; i++)
            {
                command.Parameters.Add(NewParameter(i));
            }

            _prepared.Add(sql, command);
        }

        for (var i = 0; i < arguments.Length; i++)
        {
            SetValue(command.Parameters[i], arguments[i]);
        }

        return command;
    }
}
