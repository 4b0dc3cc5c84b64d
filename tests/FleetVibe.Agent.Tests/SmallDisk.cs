using System.Diagnostics;

namespace FleetVibe.Agent.Tests;

/// <summary>A disk of a few megabytes that a test may fill or make read-only: a tmpfs.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly TempFolder _folder = new();

    internal SmallDisk()
    {
        if (Run("mount", "-t", "tmpfs", "-o", "size=2m", "none", Path) is { } fault)
        {
            _folder.Dispose();
            throw new InvalidOperationException(fault);
        }
    }

    internal string Path => _folder.Path;

    private string Filler => System.IO.Path.Combine(Path, "filler");

    /// <summary>Takes what room is left.</summary>
    internal void Fill()
    {
        using var file = File.Create(Filler);
        try
        {
            while (true)
            {
                file.Write(new byte[4096]);
                file.Flush();
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    internal void Empty() => File.Delete(Filler);

    internal void MakeReadOnly(bool readOnly = true)
    {
        if (Run("mount", "-o", readOnly ? "remount,ro" : "remount,rw", Path) is { } fault)
        {
            throw new InvalidOperationException(fault);
        }
    }

    public void Dispose()
    {
        Run("umount", "-l", Path);
        _folder.Dispose();
    }

    /// <summary>Why none can be made here; null where one can.</summary>
    internal static string? Problem()
    {
        try
        {
            using var disk = new SmallDisk();
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return $"no tmpfs can be mounted here, which takes root: {e.Message}";
        }
    }

    private static string? Run(string tool, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(tool, arguments) { RedirectStandardError = true })!;
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? null : said.Trim();
    }
}

/// <summary>Needs a disk of its own; says why it is skipped where none can be made.</summary>
internal sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute() => Skip = SmallDisk.Problem();
}
