using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>Device and inode. A held handle keeps the inode from being given to another file; across a restart it may be.</summary>
internal readonly record struct FileId(ulong Device, ulong Inode);

/// <param name="Modified">Time of the last change in nanoseconds of the unix epoch.</param>
internal readonly record struct FileStat(FileId Id, long Size, long Modified, bool IsRegular);

/// <summary>File identity, which .NET does not expose, through Linux' statx; its layout is the same on every architecture.</summary>
internal static class NativeFile
{
    private const int CurrentDirectory = -100;
    private const int EmptyPath = 0x1000;
    private const uint BasicStats = 0x7ff;
    private const int TypeMask = 0xF000;
    private const int RegularType = 0x8000;
    private const int NotPermitted = 1;
    private const int AccessDenied = 13;
    private const int ReadOnlyNonBlockingCloseOnExec = 0x80800;

    /// <summary>Follows symbolic links.</summary>
    /// <param name="error">Null where the file was found.</param>
    public static bool TryStat(string path, out FileStat stat, out ErrorClass? error)
    {
        var result = statx(CurrentDirectory, path, 0, BasicStats, out var raw);
        stat = result == 0 ? From(raw) : default;
        error = result == 0 ? null : Marshal.GetLastPInvokeError() is NotPermitted or AccessDenied ? ErrorClass.Permission : ErrorClass.FileMissing;
        return result == 0;
    }

    /// <summary>
    /// Opens for reading. .NET's own open takes an advisory lock, which a writer or a rotation may stumble over; this one
    /// takes none, and does not wait for the writer of a pipe.
    /// </summary>
    /// <exception cref="UnauthorizedAccessException">This process may not read the file.</exception>
    /// <exception cref="IOException">The file is not there or cannot be opened.</exception>
    public static SafeFileHandle OpenForReading(string path)
    {
        var descriptor = open(path, ReadOnlyNonBlockingCloseOnExec);
        if (descriptor >= 0)
        {
            return new SafeFileHandle(descriptor, ownsHandle: true);
        }

        var error = Marshal.GetLastPInvokeError();
        var text = $"{path}: {Marshal.GetPInvokeErrorMessage(error)}";
        throw error is NotPermitted or AccessDenied ? new UnauthorizedAccessException(text) : new IOException(text);
    }

    /// <exception cref="IOException">The handle cannot be examined.</exception>
    public static FileStat Stat(SafeFileHandle handle)
    {
        if (statx(handle, "", EmptyPath, BasicStats, out var raw) != 0)
        {
            throw new IOException($"the file cannot be examined: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }

        return From(raw);
    }

    private static FileStat From(in RawStat raw) => new(
        new FileId(((ulong)raw.DeviceMajor << 32) | raw.DeviceMinor, raw.Inode),
        (long)raw.Size,
        (raw.ModifiedSeconds * 1_000_000_000) + raw.ModifiedNanoseconds,
        (raw.Mode & TypeMask) == RegularType);

    [DllImport("libc", EntryPoint = "statx", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int statx(int directory, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, out RawStat stat);

    [DllImport("libc", EntryPoint = "statx", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int statx(SafeFileHandle file, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, out RawStat stat);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct RawStat
    {
        [FieldOffset(28)]
        public ushort Mode;

        [FieldOffset(32)]
        public ulong Inode;

        [FieldOffset(40)]
        public ulong Size;

        [FieldOffset(112)]
        public long ModifiedSeconds;

        [FieldOffset(120)]
        public uint ModifiedNanoseconds;

        [FieldOffset(136)]
        public uint DeviceMajor;

        [FieldOffset(140)]
        public uint DeviceMinor;
    }
}
