using System.Text;

namespace FleetVibe.Agent.Discovery.Files;

/// <summary>
/// Reads every file that the patterns match. A file that cannot be read keeps what it held when it last could, and so do those of
/// a folder that cannot be listed; one that a pattern no longer matches takes its targets with it. Its content is compared, not its time, so that a file that is replaced by rename, or
/// through a symbolic link, is seen all the same.
/// </summary>
internal sealed class FileFinder(FileDiscoverySettings settings)
{
    private const int MaxBytes = 16 << 20;

    private readonly Dictionary<string, IReadOnlyList<DiscoveredTarget>> _lastGood = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyList<string>> _lastMatched = new(StringComparer.Ordinal);

    internal Task<DiscoveryOutcome> LookAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var problems = new List<string>();
        var unseen = new HashSet<string>(StringComparer.Ordinal);
        var files = settings.Files.SelectMany(pattern => Match(pattern, problems, unseen)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        foreach (var gone in _lastGood.Keys.Except(files).ToList())
        {
            _lastGood.Remove(gone);
        }

        foreach (var file in files.Where(file => !unseen.Contains(file)))
        {
            try
            {
                _lastGood[file] = Read(file);
            }
            catch (TargetFormatException e)
            {
                problems.Add($"{file}{(char.IsAsciiDigit(e.Message[0]) ? ":" : ": ")}{e.Message}");
            }
            catch (DecoderFallbackException)
            {
                problems.Add($"{file} is not UTF-8: save it in that encoding");
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                problems.Add($"{file} does not exist: create it, or correct the path");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                problems.Add($"{file} cannot be read ({e.GetType().Name}): give user {Environment.UserName} permission to read it");
            }
        }

        // Nothing is known where no file could ever be read; an empty set would stop sources that are well.
        var known = problems.Count == 0 || _lastGood.Count > 0;
        return Task.FromResult(new DiscoveryOutcome(
            known ? [.. files.Where(_lastGood.ContainsKey).SelectMany(file => _lastGood[file])] : null, string.Join("; ", problems)));
    }

    private static IReadOnlyList<DiscoveredTarget> Read(string file)
    {
        if (new FileInfo(file) is { Length: > MaxBytes } large)
        {
            throw new TargetFormatException($"holds {large.Length} bytes, more than {MaxBytes >> 20} MiB: is it a list of targets?");
        }

        var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(file)).TrimStart('\uFEFF');
        return Path.GetExtension(file) is ".yml" or ".yaml" ? TargetYaml.Read(text) : TargetJson.Read(text);
    }

    private IReadOnlyList<string> Match(string pattern, List<string> problems, HashSet<string> unseen)
    {
        var folder = Path.GetDirectoryName(pattern) ?? "/";
        var name = Path.GetFileName(pattern);
        if (!name.AsSpan().ContainsAny('*', '?'))
        {
            // Where it is not there, it may be on its way: it is a problem then, and what it held stays.
            return [pattern];
        }

        try
        {
            return _lastMatched[pattern] = [.. Directory.EnumerateFiles(folder, name)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{folder} cannot be listed ({e.GetType().Name}): create it, or give user {Environment.UserName} permission to read it");
            var before = _lastMatched.GetValueOrDefault(pattern, []);
            unseen.UnionWith(before);
            return before;
        }
    }
}
