using FleetVibe.Agent.Sources.JsonLog;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

/// <summary>Rotations that compress: what was not read before is read, and nothing twice.</summary>
public sealed class CompressedLogTests : IDisposable
{
    private readonly LogFolder _log = new();
    private readonly FakeTimeProvider _time = new();
    private readonly List<long> _read = [];
    private LogTailer? _tailer;
    private byte[]? _checkpoint;

    public void Dispose()
    {
        _tailer?.Dispose();
        _log.Dispose();
    }

    [Theory]
    [InlineData("app.jsonl.1.gz")]
    [InlineData("app.jsonl.2.gz")]
    [InlineData("app.jsonl-20251124.gz")]
    [InlineData("app.jsonl.gz")]
    public void What_was_written_before_a_file_was_rotated_and_compressed_while_nobody_looked_is_read(string archive)
    {
        _log.WriteLines(3);
        Restart();
        Look();
        _log.WriteLines(4);
        _log.Rotate();
        _log.Compress("app.jsonl.1", archive);
        _log.WriteLines(2);
        Restart();
        Look();
        Assert.Equal(Enumerable.Range(0, 9).Select(i => (long)i), _read);
    }

    [Fact]
    public void Two_rotations_while_nobody_looked_lose_nothing_although_both_files_were_compressed()
    {
        _log.WriteLines(3);
        Restart();
        Look();
        _log.WriteLines(2);
        _log.Rotate();
        _log.Compress("app.jsonl.1", "app.jsonl.2.gz");
        _log.WriteLines(2);
        _log.Rotate();
        _log.Compress("app.jsonl.1");
        _log.WriteLines(1);
        Restart();
        Look();
        Assert.Equal(Enumerable.Range(0, 8).Select(i => (long)i), _read.Order());
        QuietDown();
        Restart();
        Look();
        Assert.Equal(8, _read.Count);
    }

    [Fact]
    public void Archives_with_the_time_of_the_last_look_as_a_coarse_clock_gives_it_are_read()
    {
        _log.WriteLines(3);
        Restart();
        Look();
        var looked = File.GetLastWriteTimeUtc(_log.Log);
        foreach (var archive in new[] { "app.jsonl.2.gz", "app.jsonl.1.gz" })
        {
            _log.WriteLines(2);
            _log.Rotate();
            File.SetLastWriteTimeUtc(_log.Compress("app.jsonl.1", archive), looked);
        }

        Restart();
        Look();
        Assert.Equal(Enumerable.Range(0, 7).Select(i => (long)i), _read.Order());
    }

    [Fact]
    public void A_file_that_was_empty_when_it_was_last_looked_at_is_no_other_than_its_archive()
    {
        _log.WriteLines(1);
        Restart();
        Look();
        _log.Rotate();
        Look();
        _log.WriteLines(3);
        _log.Rotate();
        _log.Compress("app.jsonl.1");
        Look();
        Look();
        Assert.Equal([0, 1, 2, 3], _read);
    }

    [Fact]
    public void A_restart_in_the_middle_of_an_archive_goes_on_there()
    {
        _log.WriteLines(1);
        Restart();
        Look();
        _log.WriteLines((LogBatch.MaxLines * 2) + 10);
        _log.Rotate();
        _log.Compress("app.jsonl.1");
        Restart();
        Assert.True(Look().IsFull);
        Restart();
        Assert.True(Look().IsFull);
        Restart();
        Look();
        Assert.Equal(_log.Written, _read);
    }

    [Fact]
    public void Archives_that_were_there_before_or_were_read_before_are_not_read_again()
    {
        _log.WriteLines(5);
        _log.Rotate();
        _log.Compress("app.jsonl.1", "app.jsonl.2.gz");
        _log.WriteLines(3);
        Restart();
        Look();
        _log.Rotate();
        _log.WriteLines(1);
        Look();
        QuietDown();
        _log.Compress("app.jsonl.1");
        _log.Rotate();
        _log.WriteLines(1);
        Look();
        Restart();
        Look();
        Assert.Equal([5, 6, 7, 8, 9], _read);
    }

    [Fact]
    public void An_archive_whose_time_was_set_anew_is_known_by_its_content()
    {
        _log.WriteLines(3);
        Restart();
        Look();
        _log.Rotate();
        _log.WriteLines(1);
        Look();
        QuietDown();
        File.SetLastWriteTimeUtc(_log.Compress("app.jsonl.1"), TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(1));
        _log.Rotate();
        _log.WriteLines(1);
        Look();
        Restart();
        Look();
        Assert.Equal([0, 1, 2, 3, 4], _read);
    }

    [Fact]
    public void A_checkpoint_of_an_agent_that_read_no_archives_takes_none_of_them_for_new()
    {
        _log.WriteLines(5);
        _log.Rotate();
        _log.Compress("app.jsonl.1", "app.jsonl.2.gz");
        _log.WriteLines(3);
        Restart();
        Look();
        var stored = System.Text.Json.Nodes.JsonNode.Parse(_checkpoint!)!;
        stored.AsObject().Remove("archives_until");
        _checkpoint = System.Text.Encoding.UTF8.GetBytes(stored.ToJsonString());
        _log.Rotate();
        Restart();
        Look();
        Assert.Equal([5, 6, 7], _read);
    }

    [Fact]
    public void A_file_and_its_archive_that_is_still_being_written_are_read_once()
    {
        _log.WriteLines(1);
        Restart();
        Look();
        _log.WriteLines(4000);
        _log.Rotate();
        var (plain, archive) = (_log.PathOf("app.jsonl.1"), _log.PathOf("app.jsonl.1.gz"));
        var content = File.ReadAllBytes(plain);
        var whole = File.ReadAllBytes(_log.Compress("app.jsonl.1"));
        File.WriteAllBytes(plain, content);
        File.WriteAllBytes(archive, whole[..10]);
        _log.WriteLines(1);
        Restart();
        Look();
        File.WriteAllBytes(archive, whole[..(whole.Length / 2)]);
        Restart();
        Look();
        File.WriteAllBytes(archive, whole);
        File.Delete(plain);
        Look();
        Restart();
        Look();
        Assert.Equal(_log.Written, _read.Order());
    }

    [Fact]
    public void An_archive_that_ends_too_early_is_read_as_far_as_it_goes()
    {
        _log.WriteLines(1);
        Restart();
        Look();
        _log.WriteLines(4000);
        _log.Rotate();
        var whole = File.ReadAllBytes(_log.Compress("app.jsonl.1"));
        File.WriteAllBytes(_log.PathOf("app.jsonl.1.gz"), whole[..(whole.Length / 2)]);
        Restart();
        Look();
        Assert.InRange(_read.Count, 100, 3999);
        Assert.Equal(_log.Written.Take(_read.Count), _read);
        _time.Advance(_log.Settings.RotateWait);
        var batch = Look();
        Assert.Equal((1, 1), (batch.Skipped.Total, batch.Skipped[SkipReason.DamagedArchive]));
        Assert.Contains("app.jsonl.1.gz: the archive is damaged or cut; it could be read up to byte ", Assert.Single(batch.Notes), StringComparison.Ordinal);
        Assert.Equal(0, Look().Skipped.Total);
    }

    [Fact]
    public void An_archive_that_was_cut_behind_a_whole_line_is_damaged_too()
    {
        _log.WriteLines(1);
        Restart();
        Look();
        _log.WriteLines(4000);
        _log.Rotate();
        var archive = _log.Compress("app.jsonl.1");

        // Without the trailer all of the content can still be read.
        using (var file = File.OpenWrite(archive))
        {
            file.SetLength(file.Length - 8);
        }

        Restart();
        Look();
        Assert.Equal(_log.Written, _read);
        _time.Advance(_log.Settings.RotateWait);
        Assert.Equal(1, Look().Skipped[SkipReason.DamagedArchive]);
    }

    [Fact]
    public void An_archive_of_several_members_is_whole()
    {
        _log.WriteLines(1);
        Restart();
        Look();
        _log.WriteLines(40);
        _log.Rotate();
        var first = File.ReadAllBytes(_log.Compress("app.jsonl.1"));
        _log.WriteLines(30);
        _log.Rotate();
        var second = File.ReadAllBytes(_log.Compress("app.jsonl.1"));
        File.WriteAllBytes(_log.PathOf("app.jsonl.1.gz"), [.. first, .. second]);
        Restart();
        Look();
        _time.Advance(_log.Settings.RotateWait);
        Assert.Equal(0, Look().Skipped.Total);
        Assert.Equal(_log.Written, _read);
    }

    [Fact]
    public void What_was_not_read_before_a_copytruncate_is_read_from_the_compressed_copy()
    {
        _log.WriteLines(3);
        Restart();
        Look();
        _log.WriteLines(4);
        _log.CopyTruncate("app.jsonl.1");
        _log.Compress("app.jsonl.1");
        _log.WriteLines(1);
        Look();
        Look();
        Restart();
        Look();
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], _read.Order());
    }

    private void Restart()
    {
        _tailer?.Dispose();
        _tailer = new LogTailer(_log.Settings, _time, _checkpoint, atEnd: false);
    }

    private void QuietDown()
    {
        Look();
        _time.Advance(_log.Settings.RotateWait);
        Look();
    }

    private LogBatch Look()
    {
        var batch = _tailer!.Poll();
        _read.AddRange(batch.Requests.Select(request => request.InputTokens));
        _checkpoint = batch.Checkpoint ?? _checkpoint;
        return batch;
    }
}
