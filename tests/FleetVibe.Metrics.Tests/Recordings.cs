namespace FleetVibe.Metrics.Tests;

/// <summary>Recorded expositions of real servers. They are not part of the repository; tests use them where they are at hand.</summary>
internal static class Recordings
{
    private const string Variable = "FLEETVIBE_CAPTURES";

    internal static string? Folder { get; } = Find();

    internal static string? Missing { get; } =
        Folder is null ? $"no recordings: set {Variable} to their folder or put them into ../shared/captures beside the repository" : null;

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } configured)
        {
            return Directory.Exists(configured) ? configured : null;
        }

        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "FleetVibe.sln")))
            {
                var beside = Path.Combine(folder.FullName, "..", "shared", "captures");
                return Directory.Exists(beside) ? beside : null;
            }
        }

        return null;
    }
}

/// <summary>A test over recordings; skipped with its reason where there are none.</summary>
public sealed class RecordingsFactAttribute : FactAttribute
{
    public RecordingsFactAttribute() => Skip = Recordings.Missing;
}
