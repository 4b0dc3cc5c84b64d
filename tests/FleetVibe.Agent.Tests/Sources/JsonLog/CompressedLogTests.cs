using FleetVibe.Agent.Sources.JsonLog;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

/// <summary>Rotations that compress: what was not read before is read, and nothing twice.</summary>
public sealed class CompressedLogTests : IDisposable
{
    private readonly LogFolder log = new();
    private readonly FakeTimeProvider time = new();
    private readonly List<long> read = [];
    private LogTailer? tailer;
    private byte[]? checkpoint;

    public void Dispose()
    {
        tailer?.Dispose();
        log.Dispose();
    }

    [Theory]
    [InlineData("app.jsonl.1.gz")]
    [InlineData("app.jsonl.2.gz")]
    [InlineData("app.jsonl-20251124.gz")]
    [InlineData("app.jsonl.gz")]
    public void What_was_written_before_a_file_was_rotated_and_compressed_while_nobody_looked_is_read(string archive)
    {
        log.WriteLines(3);
        Restart();
        Look();
        log.WriteLines(4);
        log.Rotate();
        log.Compress("app.jsonl.1", archive);
        log.WriteLines(2);
        Restart();
        Look();
        Assert.Equal(Enumerable.Range(0, 9).Select(i => (long)i), read);
    }

    [Fact]
    public void Two_rotations_while_nobody_looked_lose_nothing_although_both_files_were_compressed()
    {
        log.WriteLines(3);
        Restart();
        Look();
        log.WriteLines(2);
        log.Rotate();
        log.Compress("app.jsonl.1", "app.jsonl.2.gz");
        log.WriteLines(2);
        log.Rotate();
        log.Compress("app.jsonl.1");
        log.WriteLines(1);
        Restart();
        Look();
        Assert.Equal(Enumerable.Range(0, 8).Select(i => (long)i), read.Order());
        QuietDown();
        Restart();
        Look();
        Assert.Equal(8, read.Count);
    }

    [Fact]
    public void Archives_with_the_time_of_the_last_look_as_a_coarse_clock_gives_it_are_read()
    {
        log.WriteLines(3);
        Restart();
        Look();
        var looked = File.GetLastWriteTimeUtc(log.Log);
        foreach (var archive in new[] { "app.jsonl.2.gz", "app.jsonl.1.gz" })
        {
            log.WriteLines(2);
            log.Rotate();
            File.SetLastWriteTimeUtc(log.Compress("app.jsonl.1", archive), looked);
        }

        Restart();
        Look();
        Assert.Equal(Enumerable.Range(0, 7).Select(i => (long)i), read.Order());
    }

    [Fact]
    public void A_file_that_was_empty_when_it_was_last_looked_at_is_no_other_than_its_archive()
    {
        log.WriteLines(1);
        Restart();
        Look();
        log.Rotate();
        Look();
        log.WriteLines(3);
        log.Rotate();
        log.Compress("app.jsonl.1");
        Look();
        Look();
        Assert.Equal([0, 1, 2, 3], read);
    }

    [Fact]
    public void A_restart_in_the_middle_of_an_archive_goes_on_there()
    {
        log.WriteLines(1);
        Restart();
        Look();
        log.WriteLines((LogBatch.MaxLines * 2) + 10);
        log.Rotate();
        log.Compress("app.jsonl.1");
        Restart();
        Assert.True(Look().IsFull);
        Restart();
        Assert.True(Look().IsFull);
        Restart();
        Look();
        Assert.Equal(log.Written, read);
    }

    [Fact]
    public void Archives_that_were_there_before_or_were_read_before_are_not_read_again()
    {
        log.WriteLines(5);
        log.Rotate();
        log.Compress("app.jsonl.1", "app.jsonl.2.gz");
        log.WriteLines(3);
        Restart();
        Look();
        log.Rotate();
        log.WriteLines(1);
        Look();
        QuietDown();
        log.Compress("app.jsonl.1");
        log.Rotate();
        log.WriteLines(1);
        Look();
        Restart();
        Look();
        Assert.Equal([5, 6, 7, 8, 9], read);
    }

    [Fact]
    public void An_archive_whose_time_was_set_anew_is_known_by_its_content()
    {
        log.WriteLines(3);
        Restart();
        Look();
        log.Rotate();
        log.WriteLines(1);
        Look();
        QuietDown();
        File.SetLastWriteTimeUtc(log.Compress("app.jsonl.1"), TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(1));
        log.Rotate();
        log.WriteLines(1);
        Look();
        Restart();
        Look();
        Assert.Equal([0, 1, 2, 3, 4], read);
    }

    [Fact]
    public void A_checkpoint_of_an_agent_that_read_no_archives_takes_none_of_them_for_new()
    {
        log.WriteLines(5);
        log.Rotate();
        log.Compress("app.jsonl.1", "app.jsonl.2.gz");
        log.WriteLines(3);
        Restart();
        Look();
        var stored = System.Text.Json.Nodes.JsonNode.Parse(checkpoint!)!;
        stored.AsObject().Remove("archives_until");
        checkpoint = System.Text.Encoding.UTF8.GetBytes(stored.ToJsonString());
        log.Rotate();
        Restart();
        Look();
        Assert.Equal([5, 6, 7], read);
    }

    [Fact]
    public void A_file_and_its_archive_that_is_still_being_written_are_read_once()
    {
        log.WriteLines(1);
        Restart();
        Look();
        log.WriteLines(4000);
        log.Rotate();
        var (plain, archive) = (log.PathOf("app.jsonl.1"), log.PathOf("app.jsonl.1.gz"));
        var content = File.ReadAllBytes(plain);
        var whole = File.ReadAllBytes(log.Compress("app.jsonl.1"));
        File.WriteAllBytes(plain, content);
        File.WriteAllBytes(archive, whole[..10]);
        log.WriteLines(1);
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
        Assert.Equal(log.Written, read.Order());
    }

    [Fact]
    public void An_archive_that_ends_too_early_is_read_as_far_as_it_goes()
    {
        log.WriteLines(1);
        Restart();
        Look();
        log.WriteLines(4000);
        log.Rotate();
        var whole = File.ReadAllBytes(log.Compress("app.jsonl.1"));
        File.WriteAllBytes(log.PathOf("app.jsonl.1.gz"), whole[..(whole.Length / 2)]);
        Restart();
        Look();
        Assert.InRange(read.Count, 100, 3999);
        Assert.Equal(log.Written.Take(read.Count), read);
        time.Advance(log.Settings.RotateWait);
        var batch = Look();
        Assert.Equal((1, 1), (batch.Skipped.Total, batch.Skipped[SkipReason.DamagedArchive]));
        Assert.Contains("app.jsonl.1.gz: the archive is damaged or cut; it could be read up to byte ", Assert.Single(batch.Notes), StringComparison.Ordinal);
        Assert.Equal(0, Look().Skipped.Total);
    }

    [Fact]
    public void An_archive_that_was_cut_behind_a_whole_line_is_damaged_too()
    {
        log.WriteLines(1);
        Restart();
        Look();
        log.WriteLines(4000);
        log.Rotate();
        var archive = log.Compress("app.jsonl.1");

        // Without the trailer all of the content can still be read.
        using (var file = File.OpenWrite(archive))
        {
            file.SetLength(file.Length - 8);
        }

        Restart();
        Look();
        Assert.Equal(log.Written, read);
        time.Advance(log.Settings.RotateWait);
        Assert.Equal(1, Look().Skipped[SkipReason.DamagedArchive]);
    }

    [Fact]
    public void An_archive_of_several_members_is_whole()
    {
        log.WriteLines(1);
        Restart();
        Look();
        log.WriteLines(40);
        log.Rotate();
        var first = File.ReadAllBytes(log.Compress("app.jsonl.1"));
        log.WriteLines(30);
        log.Rotate();
        var second = File.ReadAllBytes(log.Compress("app.jsonl.1"));
        File.WriteAllBytes(log.PathOf("app.jsonl.1.gz"), [.. first, .. second]);
        Restart();
        Look();
        time.Advance(log.Settings.RotateWait);
        Assert.Equal(0, Look().Skipped.Total);
        Assert.Equal(log.Written, read);
    }

    [Fact]
    public void What_was_not_read_before_a_copytruncate_is_read_from_the_compressed_copy()
    {
        log.WriteLines(3);
        Restart();
        Look();
        log.WriteLines(4);
        log.CopyTruncate("app.jsonl.1");
        log.Compress("app.jsonl.1");
        log.WriteLines(1);
        Look();
        Look();
        Restart();
        Look();
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], read.Order());
    }

    private void Restart()
    {
        tailer?.Dispose();
        tailer = new LogTailer(log.Settings, time, checkpoint, atEnd: false);
    }

    private void QuietDown()
    {
        Look();
        time.Advance(log.Settings.RotateWait);
        Look();
    }

    private LogBatch Look()
    {
        var batch = tailer!.Poll();
        read.AddRange(batch.Requests.Select(request => request.InputTokens));
        checkpoint = batch.Checkpoint ?? checkpoint;
        return batch;
    }
}
