using FleetVibe.Chaos.Processes;

namespace FleetVibe.Chaos.Fleet;

/// <summary>A folder on a small file system in memory, which a filler file can fill.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private const int BlockBytes = 64 * 1024;

    private readonly string _folder;

    private SmallDisk(string folder) => _folder = folder;

    private string Filler => Path.Combine(_folder, "filler");

    /// <returns>Null where this user may not mount.</returns>
    public static async Task<SmallDisk?> MountAsync(string folder, int mebibytes)
    {
        Directory.CreateDirectory(folder);
        return await Tools.RunAsync("mount", "-t", "tmpfs", "-o", $"size={mebibytes}m", "fleetvibe-chaos", folder) ? new SmallDisk(folder) : null;
    }

    /// <summary>Takes all that is left.</summary>
    public void Fill()
    {
        using var file = File.Create(Filler, bufferSize: 0);
        var block = new byte[BlockBytes];
        for (var size = block.Length; size >= 1; size /= 2)
        {
            try
            {
                while (true)
                {
                    file.Write(block, 0, size);
                }
            }
            catch (IOException)
            {
                // Full; smaller pieces may still fit.
            }
        }
    }

    public void Free() => File.Delete(Filler);

    public async ValueTask DisposeAsync() => await Tools.RunAsync("umount", "--lazy", _folder);

    /// <summary>Copies what lies there to a folder that stays.</summary>
    public void SaveTo(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(_folder).Where(f => f != Filler))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        }
    }
}
