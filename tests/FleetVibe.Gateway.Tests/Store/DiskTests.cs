using System.Diagnostics;
using FleetVibe.Gateway.Tests.Delivery;
using Microsoft.Extensions.Logging.Abstractions;

namespace FleetVibe.Gateway.Tests.Store;

/// <summary>A small disk of its own; only where the test's user may mount one.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresMountFactAttribute : FactAttribute
{
    private static readonly string? Missing = SmallDisk.WhyNot();

    public RequiresMountFactAttribute() => Skip = Missing;
}

internal sealed class SmallDisk : IDisposable
{
    internal SmallDisk(string size)
    {
        Folder = Directory.CreateTempSubdirectory("fleetvibe-disk-").FullName;
        if (!Run("mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", Folder))
        {
            throw new InvalidOperationException("no tmpfs could be mounted");
        }
    }

    internal string Folder { get; }

    internal static string? WhyNot()
    {
        try
        {
            new SmallDisk("64k").Dispose();
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return "this user may not mount a small disk (tmpfs)";
        }
    }

    internal void MakeReadOnly() => Assert.True(Run("mount", "-o", "remount,ro", Folder));

    public void Dispose()
    {
        Run("umount", "-l", Folder);
        Directory.Delete(Folder);
    }

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}

public sealed class DiskTests
{
    [RequiresMountFact]
    public async Task A_full_disk_stops_acknowledgements_says_why_and_goes_on_once_there_is_room()
    {
        using var disk = new SmallDisk("2m");
        var ballast = Path.Combine(disk.Folder, "ballast");
        File.WriteAllBytes(ballast, new byte[1 << 20]);
        using var test = new TestLog(s => s with { DataDirectory = Path.Combine(disk.Folder, "data") });
        StoreFullException? full = null;
        var committed = 0UL;
        while (full is null)
        {
            try
            {
                Assert.Equal(CommitReply.Types.Outcome.Committed, (await test.CommitAsync(NextWindow(test, committed))).Outcome);
                committed++;
            }
            catch (StoreFullException e)
            {
                full = e;
            }
        }

        Assert.Contains(test.Settings.DataDirectory, full.Message, StringComparison.Ordinal);
        Assert.Contains("free disk space", full.Message, StringComparison.Ordinal);
        var status = await test.Log.StatusAsync();
        Assert.Equal((full.Message, committed), (status.StoreError, status.Committed));

        File.Delete(ballast);

        Assert.Equal(CommitReply.Types.Outcome.Committed, (await test.CommitAsync(NextWindow(test, committed))).Outcome);
        status = await test.Log.StatusAsync();
        Assert.Equal(("", committed + 1), (status.StoreError, status.Committed));
        await test.CheckLedgerAsync();
    }

    [RequiresMountFact]
    public async Task A_read_only_disk_is_named_with_the_cure_and_nothing_on_it_is_set_aside()
    {
        using var disk = new SmallDisk("8m");
        using var test = new TestLog(s => s with { DataDirectory = disk.Folder });
        await test.CommitAsync(NextWindow(test, 0));
        test.Close();
        disk.MakeReadOnly();

        var refused = Assert.Throws<StoreUnusableException>(() => test.Log);

        Assert.Contains(disk.Folder, refused.Message, StringComparison.Ordinal);
        Assert.Equal($"the commit log's folder {disk.Folder} is on a read-only disk: mount it for writing, or set data_dir to another folder", refused.Message);
        Assert.Single(Directory.GetFiles(disk.Folder, "*.db"));
    }

    [Fact]
    public void A_folder_that_another_gateway_uses_is_refused_as_that()
    {
        using var test = new TestLog();
        Assert.NotNull(test.Log.Identity);

        var refused = Assert.Throws<StoreUnusableException>(() => DatabaseCommitLog.Open(test.Settings, test.Clock, NullLogger.Instance));
        Assert.StartsWith($"another gateway uses {test.Folder} (its lock is ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_log_is_told_in_a_sentence()
    {
        var logger = new CollectingLogger<DiskTests>();
        using var test = new TestLog { Logger = logger };
        Directory.CreateDirectory(test.Folder);
        var path = Path.Combine(test.Folder, CommitLogFile.FileName);
        File.WriteAllText(path, new string('x', 8192));

        Assert.Equal(2, test.Log.Identity.Generation);
        Assert.StartsWith($"Error: The commit log {path} cannot be read: SQLite Error 26", logger.Lines[0], StringComparison.Ordinal);
        Assert.Empty(logger.Exceptions);
    }

    [Fact]
    public async Task A_file_that_cannot_be_opened_is_named_and_left_as_it_is()
    {
        using var test = new TestLog();
        await test.CommitAsync(NextWindow(test, 0));
        test.Close();
        var path = Path.Combine(test.Folder, CommitLogFile.FileName);
        File.Move(path, path + ".kept");

        // Root may read every file; nobody opens a folder as one.
        Directory.CreateDirectory(path);

        var refused = Assert.Throws<StoreUnusableException>(() => DatabaseCommitLog.Open(test.Settings, test.Clock, NullLogger.Instance));

        Assert.Contains(path, refused.Message, StringComparison.Ordinal);
        Assert.Contains("permission", refused.Message, StringComparison.Ordinal);
        Assert.True(Directory.Exists(path));
    }

    private static CommitRequest NextWindow(TestLog test, ulong number)
    {
        var request = test.Request(0, TestLog.Totals(1), TestLog.Part(number + 1, 1));
        request.Key = TestLog.Window(TestLog.Start + (10 * (long)number));
        return request;
    }
}
