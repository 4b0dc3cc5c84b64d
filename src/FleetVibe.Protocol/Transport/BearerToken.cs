using System.Security.Cryptography;
using System.Text;

namespace FleetVibe.Protocol.Transport;

/// <summary>
/// A bearer token, fixed or out of a file, which is read at every use: no time of a file tells that the link to it was
/// turned to another, as Kubernetes does. Never printed: <see cref="ToString"/> hides it.
/// Thread safe.
/// </summary>
public sealed class BearerToken
{
    private readonly string? _path;
    private readonly Lock _lock = new();
    private string _value;

    private BearerToken(string? path, string value)
    {
        _path = path;
        _value = value;
    }

    /// <summary>A token that is known now.</summary>
    public static BearerToken FromText(string token) => new(null, token.Trim());

    /// <summary>A token in a file; surrounding white space is not part of it.</summary>
    public static BearerToken FromFile(string path) => new(path, "");

    /// <summary>A random token of 256 bits, for parts that run in one process.</summary>
    public static BearerToken Random() => new(null, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));

    /// <summary>The file, or null where the token is fixed.</summary>
    public string? Path => _path;

    /// <summary>The token as it is now.</summary>
    /// <exception cref="IOException">The file cannot be read and never could.</exception>
    /// <exception cref="UnauthorizedAccessException">No permission, and there never was.</exception>
    /// <exception cref="InvalidDataException">The file is empty or holds a character that no header may hold.</exception>
    public string Current
    {
        get
        {
            if (_path is null)
            {
                return _value;
            }

            lock (_lock)
            {
                try
                {
                    _value = Read(_path);
                }
                catch (Exception e) when (_value.Length > 0 && e is IOException or UnauthorizedAccessException or InvalidDataException)
                {
                    // Half-way through a replacement: the last good token stays until the next look.
                }

                return _value;
            }
        }
    }

    /// <summary>Compares in constant time.</summary>
    public bool Matches(string presented) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(Current), Encoding.UTF8.GetBytes(presented));

    /// <summary>Whether it is the same file, or the same fixed text.</summary>
    public bool IsSameAs(BearerToken other) => _path == other._path && (_path is not null || other.Matches(_value));

    public override string ToString() => _path is null ? "(hidden)" : $"(from {_path})";

    private static string Read(string path)
    {
        var token = File.ReadAllText(path).Trim();
        return token.Length > 0 && token.All(c => c is > ' ' and < '\x7f')
            ? token
            : throw new InvalidDataException($"{path} holds no usable token: one line of printable ASCII is needed");
    }
}
