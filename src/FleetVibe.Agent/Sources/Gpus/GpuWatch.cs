using FleetVibe.Agent.Sources.Kernel;
using FleetVibe.Agent.Spool.V1;
using Google.Protobuf;

namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>
/// What is known about GPUs beside their samples: processes that are not the engine's, and XIDs. It marks samples with it
/// and keeps the place in the kernel log as a checkpoint. Not thread safe.
/// </summary>
internal sealed class GpuWatch(OwnProcesses own, IProcessTable table, IKernelLog? log, bool tellsOomKills = true) : IDisposable
{
    internal const string LostKind = "gpu_lost";
    internal const string MemoryKind = "gpu_memory";

    private const int MostLostTexts = 64;

    /// <summary>What nvidia-smi prints in the place of a board that it cannot reach, or of a value of one.</summary>
    private static readonly string[] LostTexts = ["Unable to determine the device handle", "GPU is lost", "GPU requires reset"];

    private readonly ProcessWatch _processes = new(own, table);
    private readonly XidWatch _xids = new();
    private readonly List<SourceEvent> _events = [];
    private readonly HashSet<string> _lostRows = new(StringComparer.Ordinal);
    private readonly HashSet<string> _lostTexts = new(StringComparer.Ordinal);
    private KernelLogPosition? _position;
    private byte[]? _checkpoint;

    /// <summary>Why the kernel log cannot be read; null where it can, or is not to be.</summary>
    internal string? LogProblem { get; private set; }

    internal static GpuWatch Create(NvidiaSourceSettings settings) =>
        new(new OwnProcesses(settings.OwnProcesses), new ProcessTable(), settings.KernelLog.Length > 0 ? new KernelLog(settings.KernelLog) : null, settings.TellsOomKills);

    public void Dispose() => log?.Dispose();

    /// <summary>Goes on where a checkpoint stands; null where there is none.</summary>
    internal void Restore(byte[]? stored)
    {
        if (stored is null)
        {
            return;
        }

        try
        {
            var read = KernelLogCheckpoint.Parser.ParseFrom(stored);
            _position = read.Origin.Length > 0 ? new KernelLogPosition(read.Origin, read.Position) : null;
            foreach (var board in read.Boards)
            {
                _xids.Restore(board.Pci, board.Xid);
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // As if there were none: the past of the log is then remembered and not told again.
            _position = null;
        }
    }

    /// <summary>Reads what the kernel said since.</summary>
    internal void LookAtLog(DateTimeOffset now)
    {
        if (log is not null)
        {
            var read = log.Read(_position, now);
            LogProblem = read.Problem;
            foreach (var record in read.Records)
            {
                if (Xid.In(record.Text) is { } xid)
                {
                    Take(xid, record.At, isOld: _position is null);
                }
            }

            if (_position is not null && tellsOomKills)
            {
                _events.AddRange(OomKill.EventsOf(read.Records));
            }

            if (read.Position is { } next && next != _position)
            {
                _position = next;
                Store();
            }
        }

        _events.AddRange(_xids.Due(now));
    }

    /// <summary>Takes an XID that the driver told itself; not where the kernel log is read, which has it too.</summary>
    internal void TakeFromDriver(Xid xid, DateTimeOffset at)
    {
        if (log is null || LogProblem is not null)
        {
            Take(xid, at, isOld: false);
            Store();
        }
    }

    /// <summary>Takes a text that a tool printed and that is no sample: one that tells of a lost board is an event, once.</summary>
    internal void TakeText(string text, DateTimeOffset at)
    {
        if (_lostTexts.Count < MostLostTexts && LostTexts.Any(lost => text.Contains(lost, StringComparison.OrdinalIgnoreCase)) && _lostTexts.Add(ToolText.Clean(text)))
        {
            _events.Add(new SourceEvent(LostKind, EventSeverity.Error, ToolText.Clean(text), at));
        }
    }

    internal void Add(IReadOnlyList<SourceEvent> happened) => _events.AddRange(happened);

    /// <inheritdoc cref="ProcessWatch.Scan"/>
    internal void Scan(IReadOnlyCollection<string> gpus, IReadOnlyList<GpuProcess> found, DateTimeOffset at) =>
        _events.AddRange(_processes.Scan(gpus, found, at));

    /// <summary>The sample with foreign use and the last XID of its board.</summary>
    internal GpuSample Mark(GpuSample sample)
    {
        if (sample.RemapFailed == true && _lostRows.Add(sample.Gpu))
        {
            _events.Add(new SourceEvent(MemoryKind, EventSeverity.Error, $"{sample.Gpu} cannot replace a failed row of its memory: the board is for service", sample.At));
        }

        var marked = _processes.Mark(sample);
        return marked.XidLast is null && sample.Pci is { } pci && _xids.Last.TryGetValue(pci, out var last) ? marked with { XidLast = last } : marked;
    }

    /// <summary>What happened, and the checkpoint where it moved; both are handed over once.</summary>
    internal (IReadOnlyList<SourceEvent> Events, byte[]? Checkpoint) Take()
    {
        IReadOnlyList<SourceEvent> happened = [.. _events];
        var stored = _checkpoint;
        _events.Clear();
        _checkpoint = null;
        return (happened, stored);
    }

    private void Take(Xid xid, DateTimeOffset at, bool isOld)
    {
        if (_xids.Take(xid, at, isOld) is { } happened)
        {
            _events.Add(happened);
        }
    }

    private void Store()
    {
        var stored = new KernelLogCheckpoint { Origin = _position?.Origin ?? "", Position = _position?.Next ?? 0 };
        stored.Boards.Add(_xids.Last.Select(board => new BoardXid { Pci = board.Key, Xid = board.Value }));
        _checkpoint = stored.ToByteArray();
    }
}
