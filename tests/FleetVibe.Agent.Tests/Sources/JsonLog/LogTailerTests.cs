using System.Text;
using System.Text.Json.Nodes;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

public sealed class LogTailerTests : IDisposable
{
    private readonly LogFolder log = new();
    private readonly FakeTimeProvider time = new();
    private readonly List<long> read = [];
    private readonly List<LogTailer> tailers = [];
    private byte[]? checkpoint;

    public void Dispose()
    {
        tailers.ForEach(tailer => tailer.Dispose());
        log.Dispose();
    }

    [Fact]
    public void A_log_never_seen_before_is_begun_at_its_end_with_the_line_that_is_being_written()
    {
        log.WriteLines(3);
        LogTailer? tailer = null;
        log.WriteSplitLine(() =>
        {
            tailer = Start(log.Settings with { StartAt = StartAt.End });
            Look(tailer);
        });
        Look(tailer!);
        Assert.Equal([3], read);
    }

    [Fact]
    public void A_log_may_be_begun_at_its_beginning()
    {
        log.WriteLines(3);
        Look(Start());
        Assert.Equal([0, 1, 2], read);
    }

    [Fact]
    public void After_a_lost_spool_a_log_is_begun_at_its_end()
    {
        log.WriteLines(3);
        var tailer = Start(atEnd: true);
        Look(tailer);
        log.WriteLines(1);
        Look(tailer);
        Assert.Equal([3], read);
    }

    [Fact]
    public void A_log_that_appears_later_is_read_from_its_beginning_after_a_restart_too()
    {
        var settings = log.Settings with { StartAt = StartAt.End };
        Assert.Equal(ErrorClass.FileMissing, Look(Start(settings)).Error);
        log.WriteLines(2);
        Look(Start(settings));
        Assert.Equal([0, 1], read);
    }

    [Fact]
    public void A_position_that_cannot_be_read_counts_nothing_twice()
    {
        log.WriteLines(2);
        checkpoint = "{\"version\":99}"u8.ToArray();
        var tailer = Start();
        Look(tailer);
        log.WriteLines(1);
        Look(tailer);
        Assert.Equal([2], read);
    }

    [Fact]
    public void A_batch_is_bounded_and_says_that_more_is_there()
    {
        log.WriteLines(LogBatch.MaxLines + 1);
        var tailer = Start();
        var first = Look(tailer);
        Assert.Equal((true, LogBatch.MaxLines), (first.IsFull, first.Requests.Count));
        var second = Look(tailer);
        Assert.Equal((false, 1), (second.IsFull, second.Requests.Count));
    }

    [Fact]
    public void A_batch_is_bounded_in_bytes_too()
    {
        var padding = new string('x', 900_000);
        for (var i = 0; i < 6; i++)
        {
            log.Write($$"""{"timestamp":1763964000,"prompt_tokens":{{i}},"padding":"{{padding}}"}""" + "\n");
        }

        var tailer = Start();
        var first = Look(tailer);
        Assert.True(first.IsFull);
        Assert.InRange(first.Requests.Count, 1, 5);
        Look(tailer);
        Assert.Equal([0, 1, 2, 3, 4, 5], read);
    }

    [Fact]
    public void A_line_too_long_is_skipped_once_even_when_a_restart_falls_into_it()
    {
        var settings = log.Settings with { MaxLineBytes = 200 };
        log.WriteLines(1);
        log.Write(new string('x', 150));
        var tailer = Start(settings);
        Assert.Equal(0, Look(tailer).Skipped.Total);
        log.Write(new string('x', 300_000));
        Assert.Equal(1, Look(tailer).Skipped[SkipReason.Oversize]);
        log.Write(LogFolder.Line(99) + "\n");
        log.WriteLines(1);
        Assert.Equal(0, Look(Start(settings)).Skipped.Total);
        Assert.Equal([0, 1], read);
    }

    [Fact]
    public void Byte_order_mark_carriage_returns_and_blank_lines_do_no_harm()
    {
        log.Write("\uFEFF" + LogFolder.Line(0) + "\r\n\r\n  \n" + LogFolder.Line(1) + "\r\n");
        Assert.Equal(0, Look(Start()).Skipped.Total);
        Assert.Equal([0, 1], read);
    }

    [Theory]
    [InlineData(80)]
    [InlineData(700_000)]
    public void A_hole_of_NULs_is_skipped_and_counted_once(int length)
    {
        log.WriteLines(1);
        log.Write(new string('\0', length));
        var tailer = Start();
        Assert.Equal(0, Look(tailer).Skipped.Total);
        log.WriteLines(1);
        Assert.Equal(1, Look(tailer).Skipped[SkipReason.NulRun]);
        Assert.Equal([0, 1], read);
    }

    [Fact]
    public void A_writer_that_goes_on_at_its_old_place_after_a_truncation_loses_nothing_more()
    {
        log.WriteLines(5);
        var tailer = Start();
        Look(tailer);
        log.CopyTruncate();
        Look(tailer);
        log.Write(new string('\0', 400));
        log.WriteLines(2);
        Look(tailer);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], read);
    }

    [Fact]
    public void A_truncated_log_that_grew_beyond_its_old_length_is_read_from_its_beginning()
    {
        log.WriteLines(3);
        var tailer = Start();
        Look(tailer);
        log.CopyTruncate();
        log.WriteLines(10);
        Look(tailer);
        Assert.Equal(Enumerable.Range(0, 13).Select(i => (long)i), read);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_not_read_before_a_copytruncate_is_read_from_the_copy(bool restart)
    {
        log.WriteLines(3);
        var tailer = Start();
        Look(tailer);
        log.WriteLines(4);
        log.CopyTruncate("app.jsonl.1");
        log.WriteLines(1);
        tailer = restart ? Start() : tailer;
        Look(tailer);
        Look(tailer);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], read.Order());
    }

    [Fact]
    public void A_copy_that_comes_to_light_only_after_the_log_was_cut_counts_nothing_twice()
    {
        log.WriteLines(20);
        var tailer = Start();
        Look(tailer);
        log.CopyTruncate("elsewhere");
        log.WriteLines(1);
        Assert.Contains("truncated at byte ", Assert.Single(Look(tailer).Notes), StringComparison.Ordinal);
        File.Move(log.PathOf("elsewhere"), log.PathOf("app.jsonl.1"));
        log.Rotate();
        log.WriteLines(1);
        Look(tailer);
        Assert.Equal(log.Written, read);
    }

    [Fact]
    public void A_copy_that_was_cut_short_while_nobody_looked_counts_nothing_twice()
    {
        log.WriteLines(20);
        Look(Start());
        log.CopyTruncate("app.jsonl.1");
        File.WriteAllBytes(log.PathOf("app.jsonl.1"), File.ReadAllBytes(log.PathOf("app.jsonl.1"))[..^100]);
        log.WriteLines(1);
        var tailer = Start();
        Assert.Contains("is gone; what was written to it after that is lost", Assert.Single(Look(tailer).Notes), StringComparison.Ordinal);
        Look(tailer);
        Assert.Equal(log.Written, read);
    }

    [Fact]
    public void Two_rotations_between_two_looks_lose_nothing()
    {
        log.WriteLines(2);
        var tailer = Start();
        Look(tailer);
        log.WriteLines(2);
        log.Rotate();
        log.WriteLines(2);
        log.Rotate();
        log.WriteLines(2);
        Look(tailer);
        Look(tailer);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], read.Order());
    }

    [Fact]
    public void A_rotated_file_stays_open_for_its_writer_until_it_was_quiet_for_long_enough()
    {
        log.WriteLines(1);
        var old = log.Open();
        var tailer = Start();
        Look(tailer);
        log.Rotate();
        Look(tailer);
        time.Advance(log.Settings.RotateWait - TimeSpan.FromSeconds(1));
        Look(tailer);
        WriteTo(old, LogFolder.Line(100) + "\n");
        Look(tailer);
        time.Advance(log.Settings.RotateWait - TimeSpan.FromSeconds(1));
        WriteTo(old, LogFolder.Line(101) + "\n{\"unfinished");
        Look(tailer);
        Assert.Equal([0, 100, 101], read);
        time.Advance(log.Settings.RotateWait);
        Assert.Equal(1, Look(tailer).Skipped[SkipReason.Unfinished]);
        log.WriteLines(1);
        Look(tailer);
        Assert.Equal([0, 100, 101, 1], read);
    }

    [Fact]
    public void A_file_that_got_the_inode_of_the_last_one_is_another_file()
    {
        log.WriteLines(3);
        Look(Start());
        log.Delete();
        log.WriteLines(6);
        Assert.True(NativeFile.TryStat(log.Log, out var stat, out _));
        var stored = JsonNode.Parse(checkpoint!)!;
        stored["files"]![0]!["inode"] = stat.Id.Inode;
        checkpoint = Encoding.UTF8.GetBytes(stored.ToJsonString());
        Look(Start());
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8], read);
    }

    [Theory]
    [InlineData("device")]
    [InlineData("inode")]
    public void A_log_keeps_its_place_when_a_boot_gives_it_another_number(string number)
    {
        log.WriteLines(3);
        Look(Start());
        var stored = JsonNode.Parse(checkpoint!)!;
        stored["files"]![0]![number] = 1;
        checkpoint = Encoding.UTF8.GetBytes(stored.ToJsonString());
        log.WriteLines(1);
        Look(Start());
        Assert.Equal([0, 1, 2, 3], read);
    }

    [Fact]
    public void A_restart_before_the_volume_is_mounted_counts_nothing_twice()
    {
        log.WriteLines(3);
        Look(Start());
        log.CloseWriter();
        var away = log.Folder + "-away";
        Directory.Move(log.Folder, away);
        var tailer = Start();
        var batch = Look(tailer);
        Assert.Equal((ErrorClass.FileMissing, null), (batch.Error, batch.Checkpoint));
        Directory.Move(away, log.Folder);
        log.WriteLines(1);
        Look(tailer);
        Assert.Equal([0, 1, 2, 3], read);
    }

    [Fact]
    public void Copies_archives_and_other_logs_beside_it_are_not_read()
    {
        log.WriteLines(4);
        File.WriteAllText(log.PathOf("app.jsonl.7"), LogFolder.Line(700) + "\n");
        var tailer = Start();
        Look(tailer);
        File.Copy(log.Log, log.PathOf("app.jsonl-20251124"));
        File.WriteAllBytes(log.PathOf("app.jsonl.3"), [0x1F, 0x8B, 8, 0, 1, 2, 3]);
        File.WriteAllText(log.PathOf("app.jsonl.errors"), LogFolder.Line(701) + "\n");
        log.Rotate();
        log.WriteLines(1);
        Assert.Equal(0, Look(tailer).Skipped.Total);
        Look(Start());
        Assert.Equal([0, 1, 2, 3, 4], read);
    }

    [Fact]
    public void What_cannot_be_read_says_so_and_is_read_once_it_can()
    {
        Directory.CreateDirectory(log.Log);
        var tailer = Start();
        Assert.Equal(ErrorClass.WrongContent, Look(tailer).Error);
        Directory.Delete(log.Log);
        var batch = Look(tailer);
        Assert.Equal(ErrorClass.FileMissing, batch.Error);
        Assert.Contains(log.Log, batch.ErrorText, StringComparison.Ordinal);
        log.WriteLines(1);
        Assert.Null(Look(tailer).Error);
        Assert.Equal([0], read);
    }

    [Fact]
    public void A_log_that_may_not_be_read_keeps_its_place()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
        {
            return;
        }

        log.WriteLines(2);
        Look(Start());
        File.SetUnixFileMode(log.Log, UnixFileMode.None);
        var tailer = Start();
        Assert.Equal(ErrorClass.Permission, Look(tailer).Error);
        File.SetUnixFileMode(log.Log, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        log.WriteLines(1);
        Assert.Null(Look(tailer).Error);
        Assert.Equal([0, 1, 2], read);
    }

    [Fact]
    public void A_look_that_brings_nothing_changes_no_checkpoint()
    {
        log.WriteLines(1);
        var tailer = Start();
        Look(tailer);
        Assert.Null(Look(tailer).Checkpoint);
    }

    [Theory]
    [InlineData("app.log.1", true)]
    [InlineData("app.log-20251124", true)]
    [InlineData("app.log.20251124-060000", true)]
    [InlineData("app-2025-11-24T06-00-00.000.log", true)]
    [InlineData("app.3.log", true)]
    [InlineData("app.log.old", true)]
    [InlineData("app.log", false)]
    [InlineData("app.log.1.gz", false)]
    [InlineData("app.log.errors", false)]
    [InlineData("app.log.-", false)]
    [InlineData("application.log.1", false)]
    [InlineData("app2.log", false)]
    public void Rotated_files_are_told_by_their_names(string name, bool rotated) => Assert.Equal(rotated, LogDirectory.IsRotatedName(name, "app.log"));

    private static void WriteTo(FileStream target, string text)
    {
        target.Write(Encoding.UTF8.GetBytes(text));
        target.Flush();
    }

    private LogTailer Start(JsonLogSourceSettings? settings = null, bool atEnd = false)
    {
        tailers.ForEach(tailer => tailer.Dispose());
        tailers.Add(new LogTailer(settings ?? log.Settings, time, checkpoint, atEnd));
        return tailers[^1];
    }

    private LogBatch Look(LogTailer tailer)
    {
        var batch = tailer.Poll();
        read.AddRange(batch.Requests.Select(request => request.InputTokens));
        checkpoint = batch.Checkpoint ?? checkpoint;
        return batch;
    }
}
