namespace FleetVibe.Agent.Tests;

/// <summary>Pages and outputs recorded from real servers and tools, where a machine has them; they are no part of this repository.</summary>
internal static class Recordings
{
    private const string Variable = "FLEETVIBE_CAPTURES";

    public const string WhyNone = "no recordings on this machine: " + Variable + " names no folder, and ../shared/captures is not there";

    public static string? Folder { get; } = Find();

    public static byte[] Read(params string[] path) => File.ReadAllBytes(Path.Combine([Folder!, .. path]));

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } set)
        {
            return Directory.Exists(set) ? set : null;
        }

        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "FleetVibe.sln")))
        {
            folder = folder.Parent;
        }

        var captures = folder is null ? "" : Path.GetFullPath(Path.Combine(folder.FullName, "..", "shared", "captures"));
        return Directory.Exists(captures) ? captures : null;
    }
}

[AttributeUsage(AttributeTargets.Method)]
internal sealed class RecordingFactAttribute : FactAttribute
{
    public RecordingFactAttribute() => Skip = Recordings.Folder is null ? Recordings.WhyNone : null;
}

[AttributeUsage(AttributeTargets.Method)]
internal sealed class RecordingTheoryAttribute : TheoryAttribute
{
    public RecordingTheoryAttribute() => Skip = Recordings.Folder is null ? Recordings.WhyNone : null;
}
