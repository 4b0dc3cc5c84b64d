using System.CommandLine;
using System.IO.Compression;
using FleetVibe.Agent.Sources.Reading;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Verbs.Parse;

/// <summary><c>parse</c>: what FleetVibe reads in a page, a log or a table, and what it leaves out and why.</summary>
internal static class ParseCommand
{
    private const int MaxBytes = 64 << 20;

    private static ReadOnlySpan<byte> GzipMagic => [0x1f, 0x8b];

    public static Command Create()
    {
        var files = new Argument<string[]>("FILE")
        {
            Description = "Files, compressed ones too (gzip); - is standard input; an address that begins with http:// or https:// is fetched.",
            Arity = ArgumentArity.OneOrMore,
        };
        var format = InputFormats.CreateOption();
        var logFormat = InputFormats.CreateLogOption();
        var strict = new Option<bool>("--strict") { Description = "A file that breaks a rule of its format fails." };
        var json = new Option<bool>("--json") { Description = "One line of JSON for each FILE, in order." };
        var token = new Option<string?>("--token-file") { Description = "File with the bearer token for addresses.", HelpName = "FILE" };
        var ca = new Option<string?>("--ca-file") { Description = "Certificates of the authorities to trust for addresses, PEM; without it the system's.", HelpName = "FILE" };
        var command = new Command(
            "parse",
            """
            Shows what FleetVibe reads in a metrics page, line protocol, a request log or nvidia-smi's CSV: every sample, which
            server it looks like and what it maps to, and every line that is skipped with position and reason.

            Exit codes: 0 shown; 1 a FILE cannot be had, or with --strict one fails; 2 the command line is wrong.
            """)
        {
            files, format, logFormat, strict, json, token, ca,
        };
        command.SetAction((result, cancellation) => RunAsync(
            result.GetRequiredValue(files),
            new ParseOptions(result.GetValue(format), result.GetValue(strict), result.GetValue(json), result.GetValue(token), result.GetValue(ca), result.GetValue(logFormat)),
            Console.OpenStandardInput, Console.Out, TimeProvider.System, cancellation));
        return command;
    }

    internal static async Task<int> RunAsync(
        IEnumerable<string> files, ParseOptions options, Func<Stream> openInput, TextWriter output, TimeProvider time, CancellationToken cancellation)
    {
        var code = ExitCodes.Ok;
        foreach (var file in files)
        {
            var fetched = await FetchAsync(file, options, openInput, time, cancellation);
            var parsed = fetched.Error is { } error
                ? new ParsedInput(file, null) { Error = error }
                : InputReading.Read(file, fetched.Body, fetched.MediaType, options.Format, options.Strict, time.GetUtcNow(), options.LogFormat);
            if (fetched.Error is not null || (options.Strict && parsed.Error is not null))
            {
                code = ExitCodes.VerdictFailed;
            }

            if (options.Json)
            {
                await output.WriteLineAsync(ParseJson.Of(parsed));
            }
            else
            {
                ParseText.Write(output, parsed);
            }
        }

        return code;
    }

    private static async Task<FetchedText> FetchAsync(string file, ParseOptions options, Func<Stream> openInput, TimeProvider time, CancellationToken cancellation)
    {
        if (Uri.TryCreate(file, UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps))
        {
            var token = options.TokenFile is { } path ? BearerToken.FromFile(path) : null;
            return await PageFetch.FetchAsync(address, token, options.CaFile, options.Format == InputFormat.OpenMetrics, time, cancellation);
        }

        try
        {
            await using var stream = file == "-" ? openInput() : File.OpenRead(file);
            return await ReadAsync(stream, cancellation);
        }
        catch (InvalidDataException)
        {
            return new FetchedText(default, null, "it is compressed with gzip, and damaged: gzip -t FILE says more");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return new FetchedText(default, null, Directory.Exists(file) ? "it is a directory: name the files in it"
                : e is FileNotFoundException or DirectoryNotFoundException
                ? "there is no such file: check the path"
                : $"it cannot be read ({e.GetType().Name}): check that it is a file that this user may read");
        }
    }

    private static async Task<FetchedText> ReadAsync(Stream stream, CancellationToken cancellation)
    {
        using var bytes = new MemoryStream();
        var buffer = new byte[64 * 1024];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellation)) > 0)
        {
            if (bytes.Length + read > MaxBytes)
            {
                return new FetchedText(default, null, $"it is larger than {MaxBytes >> 20} MiB: give a part of it, as in tail -n 10000 FILE | fleetvibe parse -");
            }

            bytes.Write(buffer, 0, read);
        }

        var body = bytes.GetBuffer().AsMemory(0, (int)bytes.Length);
        if (!body.Span.StartsWith(GzipMagic))
        {
            return new FetchedText(body, null, null);
        }

        bytes.Position = 0;
        await using var unpacked = new GZipStream(bytes, CompressionMode.Decompress);
        return await ReadAsync(unpacked, cancellation);
    }
}

/// <summary>The options of <c>parse</c>.</summary>
/// <param name="Format">Null looks at each file.</param>
/// <param name="LogFormat">Of a log; null looks at each file.</param>
internal sealed record ParseOptions(InputFormat? Format, bool Strict, bool Json, string? TokenFile = null, string? CaFile = null, string? LogFormat = null);
