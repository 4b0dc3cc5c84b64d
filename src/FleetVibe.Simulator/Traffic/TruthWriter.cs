namespace FleetVibe.Simulator.Traffic;

/// <summary>
/// Appends the truth, one JSON object a line, to a file that several nodes of one or several processes may share. Thread
/// safe. A line that was written survives the death of the process (not that of the machine).
/// </summary>
public sealed class TruthWriter : IDisposable
{
    private readonly Lock _lock = new();
    private readonly FileStream _file;
    private readonly string _lockPath;

    public TruthWriter(string path)
    {
        Path = System.IO.Path.GetFullPath(path);
        _lockPath = Path + ".lock";
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        _file = new FileStream(Path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
    }

    public string Path { get; }

    /// <summary>Whole lines, all or none as far as other writers can see.</summary>
    internal void Append(IReadOnlyList<FinishedRequest> requests)
    {
        var lines = requests.Select(request => request.ToTruthLine()).ToList();
        var block = new byte[lines.Sum(line => line.Length)];
        var at = 0;
        foreach (var line in lines)
        {
            line.CopyTo(block, at);
            at += line.Length;
        }

        lock (_lock)
        {
            using var others = ExcludeOtherProcesses();
            EndCutLine();
            _file.Write(block);
        }
    }

    public void Dispose() => _file.Dispose();

    private FileStream ExcludeOtherProcesses()
    {
        var spin = new SpinWait();
        while (true)
        {
            try
            {
                return new FileStream(_lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            }
            catch (IOException) when (File.Exists(_lockPath))
            {
                spin.SpinOnce();
            }
        }
    }

    /// <summary>Goes to the end; a line that a killed writer left without its end gets one, so that it spoils no other.</summary>
    private void EndCutLine()
    {
        var end = _file.Seek(0, SeekOrigin.End);
        if (end == 0)
        {
            return;
        }

        _file.Seek(-1, SeekOrigin.End);
        if (_file.ReadByte() != '\n')
        {
            _file.WriteByte((byte)'\n');
        }
    }
}
