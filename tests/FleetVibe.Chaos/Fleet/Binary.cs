using System.Reflection;

namespace FleetVibe.Chaos.Fleet;

/// <summary>How the real binary is started.</summary>
internal sealed record Binary(string AssemblyPath)
{
    // Many processes share few cores: one small heap each, and no compiling in the background beyond what is needed.
    private static readonly Dictionary<string, string> Surroundings = new(StringComparer.Ordinal)
    {
        ["DOTNET_gcServer"] = "0", ["DOTNET_gcConcurrent"] = "0", ["DOTNET_TieredPGO"] = "0", ["DOTNET_TieredCompilation"] = "1",
    };

    /// <summary>As the build of this configuration left it.</summary>
    /// <exception cref="InvalidOperationException">No folder above this program holds FleetVibe.sln.</exception>
    public static Binary Built()
    {
        var folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "FleetVibe.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        var configuration = typeof(Binary).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "Configuration").Value!;
        return folder is null
            ? throw new InvalidOperationException("FleetVibe.sln stands in no folder above this program: say --binary PATH")
            : new Binary(Path.Combine(folder, "src", "FleetVibe", "bin", configuration, "net10.0", "fleetvibe.dll"));
    }

    public IReadOnlyList<string> Command(params IEnumerable<string> arguments) => ["dotnet", AssemblyPath, .. arguments];

    /// <param name="clockOffset">How far its clock is off.</param>
    public static IReadOnlyDictionary<string, string> Environment(TimeSpan clockOffset)
    {
        var environment = new Dictionary<string, string>(Surroundings, StringComparer.Ordinal);
        if (clockOffset != TimeSpan.Zero)
        {
            environment["FLEETVIBE_CLOCK_OFFSET"] = clockOffset.ToString("c", System.Globalization.CultureInfo.InvariantCulture);
        }

        return environment;
    }
}
