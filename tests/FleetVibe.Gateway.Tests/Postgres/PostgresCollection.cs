using FleetVibe.Tests.Postgres;

namespace FleetVibe.Gateway.Tests.Postgres;

/// <summary>One server for all tests of the collection, started by the first that needs it.</summary>
public sealed class PostgresServer : IDisposable
{
    private readonly Lazy<PostgresCluster> _cluster = new(() => PostgresCluster.Start());

    internal PostgresCluster Cluster => _cluster.Value;

    public void Dispose()
    {
        if (_cluster.IsValueCreated)
        {
            _cluster.Value.Dispose();
        }
    }
}

[CollectionDefinition(Name)]
#pragma warning disable CA1711 // xunit's word
public sealed class PostgresCollection : ICollectionFixture<PostgresServer>
#pragma warning restore CA1711
{
    internal const string Name = "PostgreSQL";
}
