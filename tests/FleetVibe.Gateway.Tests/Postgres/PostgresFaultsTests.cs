using FleetVibe.Gateway.Store;
using Npgsql;

namespace FleetVibe.Gateway.Tests.Postgres;

/// <summary>What a fault of the driver means.</summary>
public sealed class PostgresFaultsTests
{
    [Theory]
    [InlineData("Npgsql", true)]
    [InlineData("FleetVibe.Gateway", false)]
    public void A_field_that_is_gone_in_the_driver_is_a_lost_connection_and_one_of_ours_is_our_fault(string source, bool lost)
    {
        using var database = new PostgresDatabase(() => new NpgsqlConnection("Host=db;Database=vibe"), _ => { });
        var fault = Assert.Throws<NullReferenceException>(() => _ = ((string)null!).Length);
        fault.Source = source;
        var explained = database.Explain(fault);

        Assert.Equal(lost, explained is StoreUnavailableException);
        Assert.Equal(lost, explained?.Message.Contains("PostgreSQL database vibe at db:5432", StringComparison.Ordinal) ?? false);
    }
}
