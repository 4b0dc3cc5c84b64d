using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using FleetVibe.Agent.Sources.JsonLog;
using Microsoft.Win32.SafeHandles;

namespace FleetVibe.Agent.Sources.Kernel;

/// <summary>One message of the kernel.</summary>
internal readonly record struct KernelRecord(DateTimeOffset At, string Text);

/// <summary>How far a kernel log was read.</summary>
/// <param name="Origin">The boot of the machine, or the file.</param>
/// <param name="Next">The next record's number, or the next byte.</param>
internal readonly record struct KernelLogPosition(string Origin, ulong Next);

/// <param name="Problem">Why nothing can be read, with the cure; null where it can.</param>
/// <param name="Error">Its class.</param>
internal sealed record KernelLogRead(KernelLogPosition? Position, IReadOnlyList<KernelRecord> Records, string? Problem, ErrorClass? Error = null);

/// <summary>Where messages of the kernel are read.</summary>
internal interface IKernelLog : IDisposable
{
    /// <summary>What came since; never waits.</summary>
    /// <param name="from">Null where it was never read before.</param>
    KernelLogRead Read(KernelLogPosition? from, DateTimeOffset now);
}

/// <summary>
/// <c>/dev/kmsg</c> (records <c>prio,sequence,microseconds,flags;message</c>, Documentation/ABI/testing/dev-kmsg), whose past
/// since the boot is read where it was never read before, or a file that a syslog daemon writes, which is begun at its end.
/// </summary>
internal sealed class KernelLog(string path) : IKernelLog
{
    internal const int MaxRecords = 10_000;

    private const string Unseen = "Xid errors and kills for want of memory are not seen";
    private const int MaxFileBytes = 1 << 20;
    private const int Interrupted = 4;
    private const int TryAgain = 11;
    private const int Overwritten = 32;

    private readonly byte[] _buffer = new byte[16 * 1024];
    private SafeFileHandle? _device;

    public void Dispose() => _device?.Dispose();

    public KernelLogRead Read(KernelLogPosition? from, DateTimeOffset now)
    {
        if (!NativeFile.TryStat(path, out var stat, out var error))
        {
            return Failed(error == ErrorClass.Permission);
        }

        try
        {
            return stat.IsRegular ? ReadFile(from, stat, now) : ReadDevice(from, now);
        }
        catch (UnauthorizedAccessException)
        {
            return Failed(isForbidden: true);
        }
        catch (IOException e)
        {
            return new KernelLogRead(from, [], $"{e.Message}: {Unseen}", ErrorClass.WrongContent);
        }
    }

    /// <summary>Number, microseconds since the boot, and text; null where the record is of another form.</summary>
    internal static (ulong Sequence, long Microseconds, string Text)? Parse(string record)
    {
        var semicolon = record.IndexOf(';', StringComparison.Ordinal);
        var head = semicolon < 0 ? [] : record[..semicolon].Split(',');
        if (head.Length < 3
            || !ulong.TryParse(head[1], NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
            || !long.TryParse(head[2], NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds))
        {
            return null;
        }

        // Behind the message come lines of attributes that begin with a blank.
        var text = record[(semicolon + 1)..];
        var end = text.IndexOf('\n', StringComparison.Ordinal);
        return (sequence, microseconds, end < 0 ? text : text[..end]);
    }

    /// <summary>
    /// Records up to the last that there is, or as many as one look may bring. Where nothing was read before it is all of
    /// them: what is left of the past would look new the next time.
    /// </summary>
    /// <param name="next">The next record; null where there is none yet.</param>
    internal static KernelLogRead Take(Func<string?> next, string origin, KernelLogPosition? from, DateTimeOffset booted)
    {
        var position = from is { } known && known.Origin == origin ? known.Next : 0;
        var records = new List<KernelRecord>();
        while ((from is null || records.Count < MaxRecords) && next() is { } text)
        {
            if (Parse(text) is { } record && record.Sequence >= position)
            {
                position = record.Sequence + 1;
                records.Add(new KernelRecord(booted + TimeSpan.FromMicroseconds(record.Microseconds), record.Text));
            }
        }

        return new KernelLogRead(new KernelLogPosition(origin, position), records, null);
    }

    private KernelLogRead ReadDevice(KernelLogPosition? from, DateTimeOffset now)
    {
        _device ??= NativeFile.OpenForReading(path);
        return Take(NextRecord, "boot:" + ReadLine("/proc/sys/kernel/random/boot_id"), from, now - Uptime());
    }

    private string? NextRecord()
    {
        while (true)
        {
            var length = read(_device!, _buffer, _buffer.Length);
            if (length > 0)
            {
                return Encoding.UTF8.GetString(_buffer, 0, (int)length);
            }

            var error = length == 0 ? TryAgain : Marshal.GetLastPInvokeError();
            if (error == TryAgain)
            {
                return null;
            }

            if (error is not (Overwritten or Interrupted))
            {
                _device!.Dispose();
                _device = null;
                throw error == 1 ? new UnauthorizedAccessException() : new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(error)}");
            }
        }
    }

    private KernelLogRead ReadFile(KernelLogPosition? from, in FileStat stat, DateTimeOffset now)
    {
        var origin = string.Create(CultureInfo.InvariantCulture, $"file:{stat.Id.Device:x}:{stat.Id.Inode}");
        if (from is null)
        {
            return new KernelLogRead(new KernelLogPosition(origin, (ulong)stat.Size), [], null);
        }

        // Another file, or a shorter one, is what a rotation leaves.
        var start = from.Value.Origin == origin && from.Value.Next <= (ulong)stat.Size ? from.Value.Next : 0;
        using var file = NativeFile.OpenForReading(path);
        var bytes = new byte[Math.Min(MaxFileBytes, stat.Size - (long)start)];
        var length = RandomAccess.Read(file, bytes, (long)start);
        var whole = bytes.AsSpan(0, length).LastIndexOf((byte)'\n') + 1;

        // A line longer than all that is read at once is passed over.
        whole = whole == 0 && length == MaxFileBytes ? length : whole;
        var lines = Encoding.UTF8.GetString(bytes, 0, whole).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return new KernelLogRead(new KernelLogPosition(origin, start + (ulong)whole), [.. lines.Select(line => new KernelRecord(now, line))], null);
    }

    private KernelLogRead Failed(bool isForbidden) => new(
        null,
        [],
        isForbidden
            ? $"{path} may not be read, so {Unseen}: give the agent CAP_SYSLOG (AmbientCapabilities=CAP_SYSLOG in its unit), or set kernel_log to a file of the syslog daemon, or to \"off\""
            : $"{path} is not there, so {Unseen}: set kernel_log to a file that holds the kernel's messages, or to \"off\"",
        isForbidden ? ErrorClass.Permission : ErrorClass.FileMissing);

    private static TimeSpan Uptime() =>
        TimeSpan.FromSeconds(double.TryParse(ReadLine("/proc/uptime").Split(' ')[0], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) ? seconds : 0);

    private static string ReadLine(string file) => File.ReadAllText(file).Trim();

    [DllImport("libc", EntryPoint = "read", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint read(SafeFileHandle file, [Out] byte[] buffer, nint count);
}
