using FleetVibe.Agent.Sources.Kernel;

namespace FleetVibe.Agent.Tests.Sources.Kernel;

public sealed class KernelLogTests : IDisposable
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddDays(1);

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("6,1234,98765432,-;NVRM: Xid (PCI:0000:9b:00): 79, x\n SUBSYSTEM=pci\n DEVICE=+pci:0000:9b:00.0\n", 1234, 98_765_432, "NVRM: Xid (PCI:0000:9b:00): 79, x")]
    [InlineData("4,1,2,c;a;b", 1, 2, "a;b")]
    public void A_record_of_the_kernel_is_taken_apart(string record, int sequence, long microseconds, string text) =>
        Assert.Equal(((ulong)sequence, microseconds, text), KernelLog.Parse(record));

    [Theory]
    [InlineData("no record")]
    [InlineData("1,2;x")]
    [InlineData("a,b,c;x")]
    public void Another_record_is_none(string record) => Assert.Null(KernelLog.Parse(record));

    [Fact]
    public void A_file_is_followed_from_its_end_over_whole_lines_and_a_rotation()
    {
        File.WriteAllText(_file, "old\n");
        using var log = new KernelLog(_file);
        var read = log.Read(null, Now);
        Assert.Empty(read.Records);
        File.AppendAllText(_file, "one\ntwo\nhalf");
        read = log.Read(read.Position, Now);
        Assert.Equal(["one", "two"], read.Records.Select(record => record.Text));
        File.AppendAllText(_file, " more\n");
        read = log.Read(read.Position, Now);
        Assert.Equal(["half more"], read.Records.Select(record => record.Text));
        File.WriteAllText(_file, "x\n");
        read = log.Read(read.Position, Now);
        Assert.Equal(["x"], read.Records.Select(record => record.Text));
    }

    [Fact]
    public void A_file_that_another_took_the_place_of_is_read_from_its_beginning_though_it_is_longer()
    {
        File.WriteAllText(_file, "old\n");
        using var log = new KernelLog(_file);
        var position = log.Read(null, Now).Position;
        File.WriteAllText(_file + ".new", "one\ntwo\nthree\n");
        File.Move(_file + ".new", _file, overwrite: true);
        Assert.Equal(["one", "two", "three"], log.Read(position, Now).Records.Select(record => record.Text));
    }

    [Fact]
    public void A_line_without_an_end_keeps_nothing_behind_it()
    {
        File.WriteAllText(_file, "");
        using var log = new KernelLog(_file);
        var position = log.Read(null, Now).Position;
        File.AppendAllText(_file, new string('x', 1 << 20) + "\nlater\n");
        position = log.Read(position, Now).Position;
        Assert.Equal(["later"], log.Read(position, Now).Records.Select(record => record.Text));
    }

    [Fact]
    public void A_log_that_cannot_be_read_says_so_and_what_to_do()
    {
        using var log = new KernelLog(_file + ".none");
        Assert.Equal($"{_file}.none is not there, so Xid errors and kills for want of memory are not seen: set kernel_log to a file that holds the kernel's messages, or to \"off\"", log.Read(null, Now).Problem);
    }

    [Fact]
    public void Records_are_read_from_where_the_last_look_ended_with_their_time_since_the_boot()
    {
        var read = Look(["6,5,1000000,-;a", "no record", "6,7,2000000,-;b"], null);
        Assert.Equal([new KernelRecord(Now.AddSeconds(1), "a"), new KernelRecord(Now.AddSeconds(2), "b")], read.Records);
        read = Look(["6,5,1000000,-;a", "6,7,2000000,-;b", "6,8,3000000,-;c"], read.Position);
        Assert.Equal(["c"], read.Records.Select(record => record.Text));
        Assert.Equal(new KernelLogPosition("boot:1", 9), read.Position);
    }

    [Fact]
    public void After_a_boot_everything_that_the_kernel_said_since_is_new() =>
        Assert.Equal(["a"], Look(["6,1,1,-;a"], new KernelLogPosition("boot:0", 500)).Records.Select(record => record.Text));

    [Fact]
    public void The_first_look_takes_the_whole_past_and_a_later_one_no_more_than_its_share()
    {
        var past = Enumerable.Range(0, KernelLog.MaxRecords + 10).Select(i => $"6,{i},{i},-;x").ToList();
        Assert.Equal((ulong)past.Count, Look(past, null).Position!.Value.Next);
        Assert.Equal((ulong)KernelLog.MaxRecords, Look(past, new KernelLogPosition("boot:0", 0)).Position!.Value.Next);
    }

    private static KernelLogRead Look(IEnumerable<string> records, KernelLogPosition? from)
    {
        var waiting = new Queue<string>(records);
        return KernelLog.Take(() => waiting.TryDequeue(out var next) ? next : null, "boot:1", from, Now);
    }
}
