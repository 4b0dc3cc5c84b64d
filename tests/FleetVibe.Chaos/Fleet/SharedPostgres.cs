using FleetVibe.Tests.Postgres;

namespace FleetVibe.Chaos.Fleet;

/// <summary>The PostgreSQL server of a campaign, in memory, and the schema of its one commit log.</summary>
internal sealed class SharedPostgres : IDisposable
{
    private readonly PostgresCluster _cluster;

    private SharedPostgres(PostgresCluster cluster) => (_cluster, ConnectionString) = (cluster, cluster.ConnectionString(cluster.NewSchema()));

    /// <summary>What a gateway's connection_file holds.</summary>
    public string ConnectionString { get; }

    /// <exception cref="InvalidOperationException">There is no PostgreSQL here; the message says why.</exception>
    public static SharedPostgres Start() => PostgresCluster.Missing is { } missing
        ? throw new InvalidOperationException($"several gateways share a PostgreSQL: {missing}")
        : new SharedPostgres(PostgresCluster.Start());

    /// <summary>As kill -9 of all its processes.</summary>
    public void Kill() => _cluster.Stop();

    public void Restart() => _cluster.Start();

    public void Dispose() => _cluster.Dispose();
}
