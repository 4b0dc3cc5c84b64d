using System.Security.Cryptography;

namespace FleetVibe.Configuration.Reloading;

/// <summary>
/// Says when a file has come to hold something else, by its content alone: an editor that replaces it by rename, a symbolic
/// link that is swapped, and a write in several steps all look the same. What is new counts once two looks saw it.
/// </summary>
internal sealed class SettledContent(string path)
{
    private string? _inForce = Hash(path);
    private string? _seen;

    /// <summary>Whether it holds something that was not there when it last said so. A file that is missing is on its way.</summary>
    public bool Look()
    {
        var now = Hash(path);
        var settled = now is not null && now == _seen && now != _inForce;
        _seen = now;
        _inForce = settled ? now : _inForce;
        return settled;
    }

    /// <summary>What it holds now was taken, for whatever reason.</summary>
    public void Taken() => _inForce = _seen = Hash(path);

    private static string? Hash(string path)
    {
        try
        {
            return Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
