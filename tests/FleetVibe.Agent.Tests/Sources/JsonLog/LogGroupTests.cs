using System.Globalization;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

public sealed class LogGroupTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fleetvibe-logs-").FullName;
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly List<long> _read = [];
    private readonly List<string> _notes = [];
    private LogGroupTailer? _tailer;
    private byte[]? _checkpoint;
    private int _number;

    public void Dispose()
    {
        _tailer?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Every_log_that_matches_is_read_and_one_that_appears_later_from_its_beginning()
    {
        Write("a.log", 2);
        Write("b.log", 1);
        Write("c.txt", 1);
        Restart("*.log", StartAt.End);
        Look();
        Assert.Empty(_read);
        Write("a.log", 1);
        Write("d.log", 2);
        Look();
        Assert.Equal([4, 5, 6], _read.Order());
    }

    [Fact]
    public void After_a_restart_each_log_goes_on_where_it_was()
    {
        Write("a.log", 2);
        Write("b.log", 2);
        Restart("?.log");
        Look();
        Write("a.log", 1);
        Write("b.log", 1);
        Write("c.log", 1);
        Restart("?.log", StartAt.End);
        Look();
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], _read.Order());
    }

    [Fact]
    public void A_pattern_that_matches_nothing_says_so_and_later_reads_all()
    {
        Restart("*.log", StartAt.End);
        var batch = Look();
        Assert.Equal(ErrorClass.FileMissing, batch.Error);
        Assert.Contains("*.log: matches no file", batch.ErrorText, StringComparison.Ordinal);
        Write("a.log", 2);
        Restart("*.log", StartAt.End);
        Assert.Null(Look().Error);
        Assert.Equal([0, 1], _read);
    }

    [Fact]
    public void What_a_rotation_makes_of_a_log_is_no_log_of_its_own()
    {
        Write("a.log", 2);
        Write("a.log.1", 1);
        Restart("*.log*");
        Look();
        Write("a.log", 1);
        File.Move(Path("a.log.1"), Path("a.log.2"));
        File.Move(Path("a.log"), Path("a.log.1"));
        Write("a.log", 1);
        Look();
        Assert.Equal([0, 1, 3, 4], _read);
    }

    [Fact]
    public void A_file_renamed_to_a_name_that_matches_too_is_read_once()
    {
        Write("a.log", 2);
        Restart("*.log");
        Look();
        Write("a.log", 1);
        File.Move(Path("a.log"), Path("a-2025-11-24T06-00-00.log"));
        Write("a.log", 1);
        Look();
        _time.Advance(TimeSpan.FromMinutes(2));
        Look();
        Restart("*.log");
        Look();
        Assert.Equal([0, 1, 2, 3], _read.Order());
    }

    [Fact]
    public void Logs_that_look_like_rotated_ones_of_each_other_are_all_read()
    {
        Write("worker.log", 1);
        Write("worker-1.log", 1);
        Restart("worker*.log");
        Look();
        Write("worker-2.log", 1);
        Write("worker-1.log", 1);
        Look();
        Assert.Equal([0, 1, 2, 3], _read.Order());
    }

    [Fact]
    public void A_log_that_was_rotated_before_it_was_first_seen_is_read_whole()
    {
        Write("a.log", 1);
        Restart("*.log");
        Look();
        Write("b.log", 2);
        File.Move(Path("b.log"), Path("b.log.1"));
        File.SetLastWriteTimeUtc(Path("b.log.1"), _time.GetUtcNow().UtcDateTime);
        Write("b.log", 1);
        Restart("*.log");
        Look();
        Assert.Equal([0, 1, 2, 3], _read.Order());
    }

    [Fact]
    public void A_log_that_is_gone_is_let_go_after_it_was_read_to_its_end()
    {
        Write("a.log", 1);
        Write("b.log", 1);
        Restart("*.log");
        Look();
        Write("b.log", 1);
        using (var held = new FileStream(Path("b.log"), FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
        {
            File.Delete(Path("b.log"));
            Look();
            held.Write(System.Text.Encoding.UTF8.GetBytes(LogFolder.Line(100) + "\n"));
            held.Flush();
            Look();
        }

        Assert.Contains("b.log", Text(), StringComparison.Ordinal);
        for (var i = 0; i < 4; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(60));
            Assert.Null(Look().Error);
        }

        Assert.DoesNotContain("b.log", Text(), StringComparison.Ordinal);
        Assert.Contains(_notes, note => note.EndsWith("b.log: is gone, and is followed no more", StringComparison.Ordinal));
        Write("b.log", 1);
        Look();
        Assert.Equal([0, 1, 2, 3, 100], _read.Order());
    }

    [Fact]
    public void Logs_of_a_volume_that_is_not_mounted_keep_their_places()
    {
        Write("a.log", 2);
        Restart("*.log");
        Look();
        var away = _folder + "-away";
        Directory.Move(_folder, away);
        Restart("*.log");
        for (var i = 0; i < 3; i++)
        {
            _time.Advance(TimeSpan.FromMinutes(5));
            Look();
        }

        Directory.Move(away, _folder);
        Write("a.log", 1);
        Look();
        Assert.Equal([0, 1, 2], _read);
    }

    [Fact]
    public void A_log_that_never_ends_does_not_keep_the_others_waiting()
    {
        Write("a.log", LogBatch.MaxLines * 3);
        Write("b.log", 1);
        Restart("*.log");
        Assert.True(Look().IsFull);
        Assert.True(Look().IsFull);
        Assert.Contains(LogBatch.MaxLines * 3L, _read);
        Look();
        Look();
        Assert.Equal(Enumerable.Range(0, (LogBatch.MaxLines * 3) + 1).Select(i => (long)i), _read.Order());
    }

    [Fact]
    public void Positions_that_cannot_be_read_count_nothing_twice()
    {
        Write("a.log", 2);
        _checkpoint = "{\"version\":1}"u8.ToArray();
        Restart("*.log");
        Look();
        Write("a.log", 1);
        Look();
        Assert.Equal([2], _read);
    }

    [Theory]
    [InlineData("/var/log/pods/*/vllm/*.log", "/var/log/pods/a_b/vllm/0.log", true)]
    [InlineData("/var/log/pods/*/vllm/*.log", "/var/log/pods/a/b/vllm/0.log", false)]
    [InlineData("/var/log/pods/*/vllm/*.log", "/var/log/pods/a/tgi/0.log", false)]
    [InlineData("/l/?.log", "/l/a.log", true)]
    [InlineData("/l/?.log", "/l/ab.log", false)]
    [InlineData("/l/*.log", "/l/.a.log", false)]
    [InlineData("/l/*.log", "/l/A.LOG", false)]
    public void A_pattern_matches_part_by_part(string pattern, string path, bool matches) => Assert.Equal(matches, new LogPattern(pattern).Matches(path));

    [Fact]
    public void A_pattern_finds_in_folders_that_match()
    {
        foreach (var name in new[] { "p-1/x/0.log", "p-2/x/0.log", "p-2/y/0.log", "q/x/0.log" })
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path(name))!);
            File.WriteAllText(Path(name), "");
        }

        Assert.Equal([Path("p-1/x/0.log"), Path("p-2/x/0.log")], new LogPattern(Path("p-*/x/?.log")).Find());
        Assert.Empty(new LogPattern(Path("none/*/0.log")).Find());
    }

    [Fact]
    public void Of_each_reason_the_first_skipped_line_is_named_with_its_file_and_byte()
    {
        Write("a.log", 1);
        var length = new FileInfo(Path("a.log")).Length;
        File.AppendAllText(Path("a.log"), "garbage\n");
        File.WriteAllText(Path("b.log"), "more\n" + new string('x', 2 << 20) + "\n");
        Restart("?.log");
        var skipped = new SkipCounts();
        for (var i = 0; i < 3; i++)
        {
            skipped.Add(Look().Skipped);
        }

        Assert.Equal($"2 not_json (the first in a.log at byte {length}), 1 oversize (the first in b.log at byte 5)", skipped.ToTextWithPlaces());
        skipped.Clear();
        Assert.Equal("", skipped.ToTextWithPlaces());
    }

    [Theory]
    [InlineData(StartAt.Beginning, true)]
    [InlineData(StartAt.End, false)]
    public void The_beginning_is_that_of_the_present_file_and_what_was_rotated_before_is_named(StartAt startAt, bool isTold)
    {
        Write("a.log.2", 1);
        Write("a.log.1", 1);
        Write("a.log", 1);
        Write("b.log", 1);
        Restart("*.log", startAt);
        Look();
        Assert.Equal(isTold ? [2, 3] : [], _read);
        Assert.Equal(isTold ? [$"{Path("a.log")}: is read from its beginning; what was rotated away before (2 files) is not read"] : [], _notes);
    }

    [Fact]
    public void A_status_that_is_not_known_is_named_once()
    {
        foreach (var status in "\"odd\" \"odd\" \"error\" 500 \"stop\" \"Odd\"".Split(' '))
        {
            File.AppendAllText(Path("a.log"), $"{{\"timestamp\":1763964000,\"model\":\"m\",\"status\":{status}}}\n");
        }

        Restart("*.log");
        Look();
        Assert.Equal($"{Path("a.log")}: the status \"odd\" is not known and counts as an error; if it is none, list what means success in success_status", Assert.Single(_notes));
    }

    private string Path(string name) => System.IO.Path.Combine(_folder, name);

    private string Text() => System.Text.Encoding.UTF8.GetString(_checkpoint!);

    private void Write(string name, int count)
    {
        File.AppendAllText(Path(name), string.Concat(Enumerable.Range(_number, count).Select(id => LogFolder.Line(id) + "\n")));
        _number += count;
    }

    private void Restart(string pattern, StartAt startAt = StartAt.Beginning)
    {
        _tailer?.Dispose();
        _tailer = new LogGroupTailer(
            new JsonLogSourceSettings { Path = Path(pattern), Model = "m", StartAt = startAt, Name = pattern.ToUpper(CultureInfo.InvariantCulture) }, _time, _checkpoint, atEnd: false);
    }

    private LogBatch Look()
    {
        _time.Advance(LogGroupTailer.LookInterval);
        var batch = _tailer!.Poll();
        _read.AddRange(batch.Requests.Select(request => request.InputTokens));
        _notes.AddRange(batch.Notes);
        _checkpoint = batch.Checkpoint ?? _checkpoint;
        return batch;
    }
}
