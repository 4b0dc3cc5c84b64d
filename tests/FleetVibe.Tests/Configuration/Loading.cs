using FleetVibe.Configuration;

namespace FleetVibe.Tests.Configuration;

/// <summary>Loads a text as if it were a file on a machine called <c>node-a</c>.</summary>
internal static class Loading
{
    public static LoadedConfiguration Load(string text, params (string Name, string Value)[] variables) => Load(text, checkFiles: false, variables);

    public static LoadedConfiguration Load(string text, bool checkFiles, params (string Name, string Value)[] variables) =>
        ConfigurationLoader.Load(text, "fleetvibe.toml", new LoadingOptions
        {
            CheckFiles = checkFiles,
            MachineName = "node-a",
            Environment = variables.ToDictionary(v => v.Name, v => v.Value),
        });

    public static FleetVibeSettings Settings(string text, params (string Name, string Value)[] variables)
    {
        var loaded = Load(text, variables);
        Assert.Equal("", Text(loaded, errorsOnly: true));
        return loaded.Settings!;
    }

    public static string Text(LoadedConfiguration loaded, bool errorsOnly = false) =>
        string.Join('\n', loaded.Findings.Where(f => f.IsError || !errorsOnly));
}
