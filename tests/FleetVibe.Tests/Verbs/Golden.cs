using System.Runtime.CompilerServices;

namespace FleetVibe.Tests.Verbs;

/// <summary>What a verb prints, beside a file in Golden/. Set FLEETVIBE_ACCEPT=1 to write the files anew, and read what changed.</summary>
internal static class Golden
{
    public static void Check(string name, string text, [CallerFilePath] string caller = "")
    {
        var file = Path.Combine(Path.GetDirectoryName(caller)!, "Golden", name + ".txt");
        if (Environment.GetEnvironmentVariable("FLEETVIBE_ACCEPT") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text);
        }

        Assert.Equal(File.ReadAllText(file), text);
    }

    /// <summary>Every line is legible in 80 columns.</summary>
    public static void IsNarrow(string text) => Assert.All(text.Split('\n'), line => Assert.InRange(line.Length, 0, 80));
}
