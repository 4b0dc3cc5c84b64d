using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace FleetVibe.Simulator.Traffic;

/// <summary>The canonical request log: one JSON object a line, rotated by rename. One writer a file; not thread safe.</summary>
public sealed class RequestLog : IDisposable
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _path;
    private readonly int? _rotateEvery;
    private readonly int _keep;
    private FileStream _file;
    private int _linesInFile;

    /// <param name="rotateEvery">Lines a file; null never rotates.</param>
    /// <param name="keep">Rotated files kept; the oldest beyond is deleted.</param>
    public RequestLog(string path, int? rotateEvery, int keep)
    {
        _path = path;
        _rotateEvery = rotateEvery;
        _keep = keep;
        _file = Open();
    }

    /// <summary>Whole lines, in one write where no rotation comes between them.</summary>
    /// <exception cref="IOException">The file system took not all of them.</exception>
    public void Append(IReadOnlyList<FinishedRequest> requests)
    {
        var lines = new ArrayBufferWriter<byte>();
        foreach (var request in requests)
        {
            WriteLine(lines, request);
            _linesInFile++;
            if (_linesInFile >= _rotateEvery)
            {
                _file.Write(lines.WrittenSpan);
                lines.Clear();
                Rotate();
            }
        }

        _file.Write(lines.WrittenSpan);
    }

    /// <summary>Renames the log and begins a new one.</summary>
    public void Rotate()
    {
        File.Delete($"{_path}.{_keep}");
        for (var i = _keep - 1; i >= 1; i--)
        {
            if (File.Exists($"{_path}.{i}"))
            {
                File.Move($"{_path}.{i}", $"{_path}.{i + 1}");
            }
        }

        File.Move(_path, $"{_path}.1");
        _file.Dispose();
        _file = Open();
        _linesInFile = 0;
    }

    public void Dispose() => _file.Dispose();

    /// <summary>One line with its newline, e.g. <c>{"timestamp":"2026-01-01T00:00:00.123Z","request_id":"n-1",...}</c>.</summary>
    internal static void WriteLine(IBufferWriter<byte> output, FinishedRequest request)
    {
        using (var json = new Utf8JsonWriter(output, Options))
        {
            json.WriteStartObject();
            json.WriteString("timestamp", request.CompletedAt.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            json.WriteString("request_id", request.RequestId);
            json.WriteString("model", request.Model);
            json.WriteString("task", request.Task);
            json.WriteNumber("prompt_tokens", request.PromptTokens);
            json.WriteNumber("completion_tokens", request.CompletionTokens);
            json.WriteNumber("duration_ms", request.DurationMs);
            json.WriteNumber("ttft_ms", request.TtftMs);
            json.WriteString("status", request.Status);
            json.WriteEndObject();
        }

        output.Write("\n"u8);
    }

    private FileStream Open() =>
        new(_path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
}
