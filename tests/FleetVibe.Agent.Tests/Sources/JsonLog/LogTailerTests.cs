using System.Text;
using System.Text.Json.Nodes;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

public sealed class LogTailerTests : IDisposable
{
    private readonly LogFolder _log = new();
    private readonly FakeTimeProvider _time = new();
    private readonly List<long> _read = [];
    private readonly List<LogTailer> _tailers = [];
    private byte[]? _checkpoint;

    public void Dispose()
    {
        _tailers.ForEach(tailer => tailer.Dispose());
        _log.Dispose();
    }

    [Fact]
    public void A_log_never_seen_before_is_begun_at_its_end_with_the_line_that_is_being_written()
    {
        _log.WriteLines(3);
        LogTailer? tailer = null;
        _log.WriteSplitLine(() =>
        {
            tailer = Start(_log.Settings with { StartAt = StartAt.End });
            Look(tailer);
        });
        Look(tailer!);
        Assert.Equal([3], _read);
    }

    [Fact]
    public void A_log_may_be_begun_at_its_beginning()
    {
        _log.WriteLines(3);
        Look(Start());
        Assert.Equal([0, 1, 2], _read);
    }

    [Fact]
    public void After_a_lost_spool_a_log_is_begun_at_its_end()
    {
        _log.WriteLines(3);
        var tailer = Start(atEnd: true);
        Look(tailer);
        _log.WriteLines(1);
        Look(tailer);
        Assert.Equal([3], _read);
    }

    [Fact]
    public void A_log_that_appears_later_is_read_from_its_beginning_after_a_restart_too()
    {
        var settings = _log.Settings with { StartAt = StartAt.End };
        Assert.Equal(ErrorClass.FileMissing, Look(Start(settings)).Error);
        _log.WriteLines(2);
        Look(Start(settings));
        Assert.Equal([0, 1], _read);
    }

    [Fact]
    public void A_position_that_cannot_be_read_counts_nothing_twice()
    {
        _log.WriteLines(2);
        _checkpoint = "{\"version\":99}"u8.ToArray();
        var tailer = Start();
        Look(tailer);
        _log.WriteLines(1);
        Look(tailer);
        Assert.Equal([2], _read);
    }

    [Fact]
    public void A_batch_is_bounded_and_says_that_more_is_there()
    {
        _log.WriteLines(LogBatch.MaxLines + 1);
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
            _log.Write($$"""{"timestamp":1763964000,"prompt_tokens":{{i}},"padding":"{{padding}}"}""" + "\n");
        }

        var tailer = Start();
        var first = Look(tailer);
        Assert.True(first.IsFull);
        Assert.InRange(first.Requests.Count, 1, 5);
        Look(tailer);
        Assert.Equal([0, 1, 2, 3, 4, 5], _read);
    }

    [Fact]
    public void A_line_too_long_is_skipped_once_even_when_a_restart_falls_into_it()
    {
        var settings = _log.Settings with { MaxLineBytes = 200 };
        _log.WriteLines(1);
        _log.Write(new string('x', 150));
        var tailer = Start(settings);
        Assert.Equal(0, Look(tailer).Skipped.Total);
        _log.Write(new string('x', 300_000));
        Assert.Equal(1, Look(tailer).Skipped[SkipReason.Oversize]);
        _log.Write(LogFolder.Line(99) + "\n");
        _log.WriteLines(1);
        Assert.Equal(0, Look(Start(settings)).Skipped.Total);
        Assert.Equal([0, 1], _read);
    }

    [Fact]
    public void Byte_order_mark_carriage_returns_and_blank_lines_do_no_harm()
    {
        _log.Write("\uFEFF" + LogFolder.Line(0) + "\r\n\r\n  \n" + LogFolder.Line(1) + "\r\n");
        Assert.Equal(0, Look(Start()).Skipped.Total);
        Assert.Equal([0, 1], _read);
    }

    [Theory]
    [InlineData(80)]
    [InlineData(700_000)]
    public void A_hole_of_NULs_is_skipped_and_counted_once(int length)
    {
        _log.WriteLines(1);
        _log.Write(new string('\0', length));
        var tailer = Start();
        Assert.Equal(0, Look(tailer).Skipped.Total);
        _log.WriteLines(1);
        Assert.Equal(1, Look(tailer).Skipped[SkipReason.NulRun]);
        Assert.Equal([0, 1], _read);
    }

    [Fact]
    public void A_writer_that_goes_on_at_its_old_place_after_a_truncation_loses_nothing_more()
    {
        _log.WriteLines(5);
        var tailer = Start();
        Look(tailer);
        _log.CopyTruncate();
        Look(tailer);
        _log.Write(new string('\0', 400));
        _log.WriteLines(2);
        Look(tailer);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], _read);
    }

    [Fact]
    public void A_truncated_log_that_grew_beyond_its_old_length_is_read_from_its_beginning()
    {
        _log.WriteLines(3);
        var tailer = Start();
        Look(tailer);
        _log.CopyTruncate();
        _log.WriteLines(10);
        Look(tailer);
        Assert.Equal(Enumerable.Range(0, 13).Select(i => (long)i), _read);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_not_read_before_a_copytruncate_is_read_from_the_copy(bool restart)
    {
        _log.WriteLines(3);
        var tailer = Start();
        Look(tailer);
        _log.WriteLines(4);
        _log.CopyTruncate("app.jsonl.1");
        _log.WriteLines(1);
        tailer = restart ? Start() : tailer;
        Look(tailer);
        Look(tailer);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], _read.Order());
    }

    [Fact]
    public void A_copy_that_comes_to_light_only_after_the_log_was_cut_counts_nothing_twice()
    {
        _log.WriteLines(20);
        var tailer = Start();
        Look(tailer);
        _log.CopyTruncate("elsewhere");
        _log.WriteLines(1);
        Assert.Contains("truncated at byte ", Assert.Single(Look(tailer).Notes), StringComparison.Ordinal);
        File.Move(_log.PathOf("elsewhere"), _log.PathOf("app.jsonl.1"));
        _log.Rotate();
        _log.WriteLines(1);
        Look(tailer);
        Assert.Equal(_log.Written, _read);
    }

    [Fact]
    public void A_copy_that_was_cut_short_while_nobody_looked_counts_nothing_twice()
    {
        _log.WriteLines(20);
        Look(Start());
        _log.CopyTruncate("app.jsonl.1");
        File.WriteAllBytes(_log.PathOf("app.jsonl.1"), File.ReadAllBytes(_log.PathOf("app.jsonl.1"))[..^100]);
        _log.WriteLines(1);
        var tailer = Start();
        Assert.Contains("is gone; what was written to it after that is lost", Assert.Single(Look(tailer).Notes), StringComparison.Ordinal);
        Look(tailer);
        Assert.Equal(_log.Written, _read);
    }

    [Fact]
    public void Two_rotations_between_two_looks_lose_nothing()
    {
        _log.WriteLines(2);
        var tailer = Start();
        Look(tailer);
        _log.WriteLines(2);
        _log.Rotate();
        _log.WriteLines(2);
        _log.Rotate();
        _log.WriteLines(2);
        Look(tailer);
        Look(tailer);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], _read.Order());
    }

    [Fact]
    public void A_rotated_file_stays_open_for_its_writer_until_it_was_quiet_for_long_enough()
    {
        _log.WriteLines(1);
        var old = _log.Open();
        var tailer = Start();
        Look(tailer);
        _log.Rotate();
        Look(tailer);
        _time.Advance(_log.Settings.RotateWait - TimeSpan.FromSeconds(1));
        Look(tailer);
        WriteTo(old, LogFolder.Line(100) + "\n");
        Look(tailer);
        _time.Advance(_log.Settings.RotateWait - TimeSpan.FromSeconds(1));
        WriteTo(old, LogFolder.Line(101) + "\n{\"unfinished");
        Look(tailer);
        Assert.Equal([0, 100, 101], _read);
        _time.Advance(_log.Settings.RotateWait);
        Assert.Equal(1, Look(tailer).Skipped[SkipReason.Unfinished]);
        _log.WriteLines(1);
        Look(tailer);
        Assert.Equal([0, 100, 101, 1], _read);
    }

    [Fact]
    public void A_file_that_got_the_inode_of_the_last_one_is_another_file()
    {
        _log.WriteLines(3);
        Look(Start());
        _log.Delete();
        _log.WriteLines(6);
        Assert.True(NativeFile.TryStat(_log.Log, out var stat, out _));
        var stored = JsonNode.Parse(_checkpoint!)!;
        stored["files"]![0]!["inode"] = stat.Id.Inode;
        _checkpoint = Encoding.UTF8.GetBytes(stored.ToJsonString());
        Look(Start());
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8], _read);
    }

    [Theory]
    [InlineData("device")]
    [InlineData("inode")]
    public void A_log_keeps_its_place_when_a_boot_gives_it_another_number(string number)
    {
        _log.WriteLines(3);
        Look(Start());
        var stored = JsonNode.Parse(_checkpoint!)!;
        stored["files"]![0]![number] = 1;
        _checkpoint = Encoding.UTF8.GetBytes(stored.ToJsonString());
        _log.WriteLines(1);
        Look(Start());
        Assert.Equal([0, 1, 2, 3], _read);
    }

    [Fact]
    public void A_restart_before_the_volume_is_mounted_counts_nothing_twice()
    {
        _log.WriteLines(3);
        Look(Start());
        _log.CloseWriter();
        var away = _log.Folder + "-away";
        Directory.Move(_log.Folder, away);
        var tailer = Start();
        var batch = Look(tailer);
        Assert.Equal((ErrorClass.FileMissing, null), (batch.Error, batch.Checkpoint));
        Directory.Move(away, _log.Folder);
        _log.WriteLines(1);
        Look(tailer);
        Assert.Equal([0, 1, 2, 3], _read);
    }

    [Fact]
    public void Copies_archives_and_other_logs_beside_it_are_not_read()
    {
        _log.WriteLines(4);
        File.WriteAllText(_log.PathOf("app.jsonl.7"), LogFolder.Line(700) + "\n");
        var tailer = Start();
        Look(tailer);
        File.Copy(_log.Log, _log.PathOf("app.jsonl-20251124"));
        File.WriteAllBytes(_log.PathOf("app.jsonl.3"), [0x1F, 0x8B, 8, 0, 1, 2, 3]);
        File.WriteAllText(_log.PathOf("app.jsonl.errors"), LogFolder.Line(701) + "\n");
        _log.Rotate();
        _log.WriteLines(1);
        Assert.Equal(0, Look(tailer).Skipped.Total);
        Look(Start());
        Assert.Equal([0, 1, 2, 3, 4], _read);
    }

    [Fact]
    public void What_cannot_be_read_says_so_and_is_read_once_it_can()
    {
        Directory.CreateDirectory(_log.Log);
        var tailer = Start();
        Assert.Equal(ErrorClass.WrongContent, Look(tailer).Error);
        Directory.Delete(_log.Log);
        var batch = Look(tailer);
        Assert.Equal(ErrorClass.FileMissing, batch.Error);
        Assert.Contains(_log.Log, batch.ErrorText, StringComparison.Ordinal);
        _log.WriteLines(1);
        Assert.Null(Look(tailer).Error);
        Assert.Equal([0], _read);
    }

    [Fact]
    public void A_log_that_may_not_be_read_keeps_its_place()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
        {
            return;
        }

        _log.WriteLines(2);
        Look(Start());
        File.SetUnixFileMode(_log.Log, UnixFileMode.None);
        var tailer = Start();
        Assert.Equal(ErrorClass.Permission, Look(tailer).Error);
        File.SetUnixFileMode(_log.Log, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _log.WriteLines(1);
        Assert.Null(Look(tailer).Error);
        Assert.Equal([0, 1, 2], _read);
    }

    [Fact]
    public void A_look_that_brings_nothing_changes_no_checkpoint()
    {
        _log.WriteLines(1);
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
        _tailers.ForEach(tailer => tailer.Dispose());
        _tailers.Add(new LogTailer(settings ?? _log.Settings, _time, _checkpoint, atEnd));
        return _tailers[^1];
    }

    private LogBatch Look(LogTailer tailer)
    {
        var batch = tailer.Poll();
        _read.AddRange(batch.Requests.Select(request => request.InputTokens));
        _checkpoint = batch.Checkpoint ?? _checkpoint;
        return batch;
    }
}
