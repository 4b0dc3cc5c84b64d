using System.Globalization;
using System.IO.Compression;
using System.Text;
using FleetVibe.Agent.Sources;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

/// <summary>A folder with one log in it, and everything that rotations do to logs. Deleted with its files at the end.</summary>
internal sealed class LogFolder : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fleetvibe-log-").FullName;
    private readonly List<FileStream> _writers = [];
    private FileStream? _writer;
    private int _number;

    public string Log => Path.Combine(_folder, "app.jsonl");

    public JsonLogSourceSettings Settings => new() { Path = Log, Model = "m", StartAt = StartAt.Beginning };

    /// <summary>Ids of all whole lines ever written.</summary>
    public List<long> Written { get; } = [];

    public string Folder => _folder;

    public string PathOf(string name) => Path.Combine(_folder, name);

    public static string Line(long id) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"timestamp":{{1_763_964_000 + id}},"prompt_tokens":{{id}},"duration_ms":12.5,"status":200}""");

    public void WriteLines(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Write(Line(_number) + "\n");
            Written.Add(_number++);
        }
    }

    /// <summary>Writes a line in two parts, with something between them.</summary>
    public void WriteSplitLine(Action between)
    {
        var line = Line(_number) + "\n";
        var at = line.Length / 2;
        var first = Open();
        Write(line[..at], first);
        between();
        Write(line[at..], first);
        Written.Add(_number++);
    }

    public void Write(string text) => Write(text, Open());

    /// <summary>Rotates by renaming: <c>.1</c> becomes <c>.2</c> and so on, and the writer reopens.</summary>
    public void Rotate(bool create = true)
    {
        var numbers = Directory.GetFiles(_folder, "app.jsonl.*")
            .Select(path => int.TryParse(path.AsSpan(Math.Min(Log.Length + 1, path.Length)), CultureInfo.InvariantCulture, out var i) ? i : 0)
            .Where(i => i > 0);
        foreach (var i in numbers.OrderDescending().ToList())
        {
            File.Move($"{Log}.{i}", $"{Log}.{i + 1}");
        }

        if (File.Exists(Log))
        {
            File.Move(Log, $"{Log}.1");
        }

        _writer = null;
        if (create)
        {
            Open();
        }
    }

    /// <summary>Copies the log aside and cuts it, as copytruncate does.</summary>
    public void CopyTruncate(string? copy = null)
    {
        Open();
        if (copy is not null)
        {
            File.Copy(Log, PathOf(copy), overwrite: true);
        }

        Open().SetLength(0);
        _writer!.Seek(0, SeekOrigin.Begin);
    }

    /// <summary>Compresses a rotated file as a rotation does: another inode, the time of the last change kept, the original gone.</summary>
    public string Compress(string name, string? archive = null)
    {
        var (from, to) = (PathOf(name), PathOf(archive ?? name + ".gz"));
        using (var source = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
        using (var target = new GZipStream(File.Create(to), CompressionLevel.Fastest))
        {
            source.CopyTo(target);
        }

        File.SetLastWriteTimeUtc(to, File.GetLastWriteTimeUtc(from));
        File.Delete(from);
        return to;
    }

    public void Delete()
    {
        CloseWriter();
        File.Delete(Log);
    }

    public void CloseWriter()
    {
        _writer?.Dispose();
        _writer = null;
    }

    /// <summary>Opens the log as a service does: for appending. A writer that was rotated away stays open.</summary>
    public FileStream Open()
    {
        if (_writer is null)
        {
            _writer = new FileStream(Log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            _writers.Add(_writer);
        }

        return _writer;
    }

    public void Dispose()
    {
        _writers.ForEach(open => open.Dispose());
        Directory.Delete(_folder, recursive: true);
    }

    private static void Write(string text, FileStream target)
    {
        target.Write(Encoding.UTF8.GetBytes(text));
        target.Flush();
    }
}
