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
            CutUnfinishedLine();
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

    /// <summary>Goes to the end. What a killed writer left of a line goes: nobody has seen that request, truth comes first.</summary>
    private void CutUnfinishedLine()
    {
        var end = _file.Length;
        while (end > 0)
        {
            _file.Seek(end - 1, SeekOrigin.Begin);
            if (_file.ReadByte() == '\n')
            {
                break;
            }

            end--;
        }

        if (end < _file.Length)
        {
            _file.SetLength(end);
        }

        _file.Seek(end, SeekOrigin.Begin);
    }
}
