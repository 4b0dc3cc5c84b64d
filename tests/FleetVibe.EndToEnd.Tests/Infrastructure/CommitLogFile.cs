using FleetVibe.Metrics.Histograms;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using Microsoft.Data.Sqlite;
using Distribution = FleetVibe.Metrics.Histograms.Distribution;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>The gateway's file, read as any SQLite tool would after the binary has stopped.</summary>
internal static class CommitLogFile
{
    public static Distribution MergedResponseTime(string dataFolder)
    {
        var path = Directory.GetFiles(dataFolder, "commit*.db", SearchOption.AllDirectories).Single();
        using var connection = new SqliteConnection($"Data Source={path};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT totals FROM windows WHERE level = 0";
        using var rows = command.ExecuteReader();
        var merged = new Distribution();
        while (rows.Read())
        {
            merged.Merge(TotalsMapper.FromWire(WindowTotals.Parser.ParseFrom(rows.GetFieldValue<byte[]>(0))).ResponseTime);
        }

        return merged;
    }
}
