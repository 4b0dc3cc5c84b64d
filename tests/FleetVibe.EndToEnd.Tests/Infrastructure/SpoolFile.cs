using Microsoft.Data.Sqlite;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>The agent's file, looked into from outside while the agent runs.</summary>
internal static class SpoolFile
{
    public static bool HoldsCheckpoint(string dataFolder)
    {
        var path = Path.Combine(dataFolder, "spool.db");
        if (!File.Exists(path))
        {
            return false;
        }

        try
        {
            using var connection = new SqliteConnection($"Data Source={path};Mode=ReadOnly;Pooling=False");
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT count(*) FROM sources WHERE checkpoint IS NOT NULL";
            return (long)command.ExecuteScalar()! > 0;
        }
        catch (SqliteException)
        {
            // Being made at this moment.
            return false;
        }
    }
}
