namespace FleetVibe.Gateway.Store;

/// <summary>Where a commit log lives: opens connections that are checked for durability, and knows the log's identity.</summary>
internal interface IStoreBackend : IDisposable
{
    LogIdentity Identity { get; }

    /// <summary>The connection that writes; asked for once.</summary>
    Database OpenWriter();

    /// <summary>A second connection, for reads only.</summary>
    Database OpenReader();

    /// <summary>What the log takes on its disk.</summary>
    long BytesOf(Database reader);

    /// <summary>Sets the limit of the log, where the store knows one.</summary>
    void LimitSize(Database writer, long bytes);

    /// <summary>Remembers for the next start that the log is damaged.</summary>
    void MarkDamaged();
}
