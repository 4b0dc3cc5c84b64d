using System.Diagnostics;
using FleetVibe.EndToEnd.Tests.Infrastructure;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>The points of execd in a file, for somebody who tries it without a Telegraf.</summary>
public sealed class ExecdIntoFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_others_write_into_the_same_file_stands_beside_the_points()
    {
        _folder.Write("requests.jsonl", "");
        var config = _folder.Write("execd.toml", $"""
            [node]
            name = "gpu-node-01"
            data_dir = "{_folder.Sub("data")}"
            [[agent.sources]]
            kind = "json_log"
            path = "{_folder.Path}/requests.jsonl"
            model = "m"
            """);
        var output = Path.Combine(_folder.Path, "out");
        var script = $"( printf '\\n' | dotnet '{Binary.AssemblyPath}' execd --config '{config}'; echo END; printf '\\n' | dotnet '{Binary.AssemblyPath}' execd --config '{config}'; echo END ) > '{output}'";
        using var shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", script]) { RedirectStandardError = true })!;
        var errors = await shell.StandardError.ReadToEndAsync();
        await shell.WaitForExitAsync();

        var lines = await File.ReadAllLinesAsync(output);
        Assert.True(lines.Count(line => line == "END") == 2 && lines[^1] == "END", $"{string.Join('\n', lines)}\n{errors}");
        Assert.Equal(2, lines.Count(line => line.StartsWith("vibe_target,", StringComparison.Ordinal)));
        Assert.All(lines.Where(line => line != "END"), line => Assert.StartsWith("vibe_", line, StringComparison.Ordinal));
    }
}
