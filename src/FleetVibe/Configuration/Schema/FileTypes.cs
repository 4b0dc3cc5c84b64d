using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using FleetVibe.Gateway;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Configuration.Schema;

/// <summary>A path that need not exist yet; relative ones start at the folder of the configuration file.</summary>
internal sealed record PathType(string Sample) : KeyType("a path", $"\"{Sample}\"")
{
    internal static string Resolve(string path, ReadingContext context) => Path.GetFullPath(path, context.Folder);

    protected override ParsedValue Parse(string text, ReadingContext context) =>
        string.IsNullOrWhiteSpace(text) ? ParsedValue.Bad("is empty: write a path") : new ParsedValue(Resolve(text, context));
}

/// <summary>A path, or <c>off</c> for none, which is read as an empty text.</summary>
internal sealed record PathOrOffType(string Sample) : KeyType("a path or off", $"\"{Sample}\"")
{
    private const string Off = "off";

    public override string Show(object value) => value is "" ? $"\"{Off}\"" : base.Show(value);

    protected override ParsedValue Parse(string text, ReadingContext context) =>
        string.IsNullOrWhiteSpace(text) ? ParsedValue.Bad("is empty: write a path, or \"off\"")
        : new ParsedValue(text == Off ? "" : PathType.Resolve(text, context));
}

/// <summary>A program: looked up in PATH where it is a bare name.</summary>
internal sealed record CommandType(string Sample) : KeyType("a program", $"\"{Sample}\"")
{
    protected override ParsedValue Parse(string text, ReadingContext context) =>
        string.IsNullOrWhiteSpace(text) ? ParsedValue.Bad("is empty: write a program")
        : text.Contains('/', StringComparison.Ordinal) ? new ParsedValue(PathType.Resolve(text, context))
        : new ParsedValue(text);
}

/// <summary>A PEM file that must exist.</summary>
/// <param name="HoldsCertificate">Whether it must hold a certificate; a key is tried together with its certificate.</param>
internal sealed record PemFileType(bool HoldsCertificate, string Sample) : KeyType("a PEM file", $"\"{Sample}\"")
{
    protected override ParsedValue Parse(string text, ReadingContext context)
    {
        var path = PathType.Resolve(text, context);
        if (!context.CheckFiles)
        {
            return new ParsedValue(path);
        }

        if (FileProblem(path) is { } problem)
        {
            return ParsedValue.Bad(problem);
        }

        return HoldsCertificate && !HasCertificate(path)
            ? ParsedValue.Bad("holds no certificate: a PEM file with a BEGIN CERTIFICATE line is needed")
            : new ParsedValue(path);
    }

    internal static string? FileProblem(string path)
    {
        if (!File.Exists(path))
        {
            return Directory.Exists(path) ? "is a folder: write the path of a file" : "does not exist: create the file, or correct the path";
        }

        try
        {
            using var stream = File.OpenRead(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"cannot be read: give user {Environment.UserName} permission to read it";
        }
    }

    private static bool HasCertificate(string path)
    {
        try
        {
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPemFile(path);
            return certificates.Count > 0;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}

/// <summary>A file that holds a token on one line; read at every use.</summary>
internal sealed record TokenFileType(string Sample) : KeyType("a file that holds a token", $"\"{Sample}\"")
{
    public override string Show(object value) => $"\"{((BearerToken)value).Path}\"";

    protected override ParsedValue Parse(string text, ReadingContext context)
    {
        var path = PathType.Resolve(text, context);
        var token = BearerToken.FromFile(path);
        if (!context.CheckFiles)
        {
            return new ParsedValue(token);
        }

        if (PemFileType.FileProblem(path) is { } problem)
        {
            return ParsedValue.Bad(problem);
        }

        try
        {
            _ = token.Current;
        }
        catch (InvalidDataException)
        {
            return ParsedValue.Bad("holds no usable token: one line of printable ASCII is needed");
        }

        return new ParsedValue(token, Warning: OpenToAll(path));
    }

    internal static string? OpenToAll(string path) => !OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & UnixFileMode.OtherRead) != 0
        ? $"can be read by every user of this machine: chmod o-r {path}"
        : null;
}

/// <summary>A file that holds the connection string of a PostgreSQL, a secret; read again at each connection.</summary>
internal sealed record ConnectionFileType(string Sample) : KeyType("a file that holds a connection string", $"\"{Sample}\"")
{
    public override string Show(object value) => $"\"{((PostgresSettings)value).ConnectionFile}\"";

    protected override ParsedValue Parse(string text, ReadingContext context)
    {
        var settings = new PostgresSettings(PathType.Resolve(text, context));
        if (!context.CheckFiles)
        {
            return new ParsedValue(settings);
        }

        if (PemFileType.FileProblem(settings.ConnectionFile) is { } problem)
        {
            return ParsedValue.Bad(problem);
        }

        return settings.IsSound()
            ? new ParsedValue(settings, Warning: TokenFileType.OpenToAll(settings.ConnectionFile))
            : ParsedValue.Bad("holds no connection string: one line such as Host=db;Username=fleetvibe;Password=...;Database=fleetvibe is needed");
    }
}

/// <summary>A secret: <c>${NAME}</c> out of the environment, or clear text with a warning. Never shown.</summary>
/// <param name="Instead">What is better than clear text.</param>
internal sealed record SecretType(string Instead, bool AsToken) : KeyType("a secret such as \"${MODEL_TOKEN}\"", "\"${MODEL_TOKEN}\"")
{
    public override bool IsSecret => true;

    public override string Show(object value) => "(hidden)";

    protected override ParsedValue Parse(string text, ReadingContext context)
    {
        var value = text;
        var replaced = false;
        for (var start = value.IndexOf("${", StringComparison.Ordinal); start >= 0; start = value.IndexOf("${", start, StringComparison.Ordinal))
        {
            var end = value.IndexOf('}', start);
            if (end < 0)
            {
                return ParsedValue.Bad("has a ${ without its }");
            }

            var name = value[(start + 2)..end];
            if (context.Variable(name) is not { } content)
            {
                if (context.CheckFiles)
                {
                    return ParsedValue.Bad($"names the environment variable {name}, which is not set: set it, or use token_file");
                }

                content = "unset";
            }

            (value, replaced, start) = (value[..start] + content + value[(end + 1)..], true, start + content.Length);
        }

        value = value.Trim();
        if (value.Length == 0 || value.Any(c => c is < ' ' or > '~'))
        {
            return ParsedValue.Bad("is empty or holds a character that no header may hold: one line of printable ASCII is needed");
        }

        return new ParsedValue(AsToken ? BearerToken.FromText(value) : value, Warning: replaced ? null : $"is a secret in clear text: {Instead}");
    }
}
