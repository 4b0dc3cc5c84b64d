using System.Globalization;
using System.Text;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Simulator.Telegraf;

/// <summary>The file of accepted lines, each with its timestamp in nanoseconds. Not thread safe.</summary>
internal sealed class AcceptedLines : IDisposable
{
    private readonly FileStream _file;

    private AcceptedLines(FileStream file) => _file = file;

    /// <summary>Opens the file and hands over what it holds; what a killed writer left of a last line is cut off.</summary>
    public static AcceptedLines Open(string path, Action<ParsedPoint> stored)
    {
        var full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        var file = new FileStream(full, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete, bufferSize: 0);
        var body = new byte[file.Length];
        file.ReadExactly(body);
        var whole = body.AsSpan().LastIndexOf((byte)'\n') + 1;
        file.SetLength(whole);
        file.Seek(whole, SeekOrigin.Begin);
        foreach (var point in LineProtocolReader.Read(body.AsSpan(0, whole)).Points)
        {
            stored(point);
        }

        return new AcceptedLines(file);
    }

    /// <summary>Writes the points of one body in one step.</summary>
    public void Append(ReadOnlySpan<byte> body, IReadOnlyList<(ParsedPoint Point, long TimestampNs)> points)
    {
        var lines = new MemoryStream();
        foreach (var (point, timestampNs) in points)
        {
            var line = body[point.Bytes].TrimEnd(" \t"u8);
            if (point.TimestampNs is not null)
            {
                line = line[..line.LastIndexOf((byte)' ')].TrimEnd((byte)' ');
            }

            lines.Write(line);
            lines.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $" {timestampNs}\n")));
        }

        _file.Write(lines.GetBuffer().AsSpan(0, (int)lines.Length));
    }

    public void Dispose() => _file.Dispose();
}
