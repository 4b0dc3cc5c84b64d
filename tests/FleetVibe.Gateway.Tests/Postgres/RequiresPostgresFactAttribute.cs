namespace FleetVibe.Tests.Postgres;

/// <summary>Needs PostgreSQL's programs; tests/run.sh installs them.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresPostgresFactAttribute : FactAttribute
{
    public RequiresPostgresFactAttribute() => Skip = PostgresCluster.Missing;
}
