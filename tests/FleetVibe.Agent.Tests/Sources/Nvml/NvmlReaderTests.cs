using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.Nvml;

namespace FleetVibe.Agent.Tests.Sources.Nvml;

public sealed class NvmlReaderTests : IDisposable
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddDays(1);

    private readonly FakeNvml _nvml = new();
    private readonly NvmlReader _reader;

    public NvmlReaderTests() => _reader = new NvmlReader(_nvml, _ => { });

    public void Dispose() => _nvml.Dispose();

    [Theory]
    [InlineData(3)]
    [InlineData(13)]
    [InlineData(26)]
    public void What_a_board_does_not_support_is_not_asked_again(int answer)
    {
        _nvml.Answers[1] = (NvmlReturn)answer;
        Assert.Null(Read(0).Samples[0].GpuUtilPercent);
        Assert.Null(Read(1).Samples[0].GpuUtilPercent);
        Assert.Equal(1, _nvml.UtilizationCalls);
    }

    [Fact]
    public void A_failure_of_the_moment_is_asked_again()
    {
        _nvml.Answers[1] = NvmlReturn.Unknown;
        Assert.Null(Read(0).Samples[0].GpuUtilPercent);
        _nvml.Answers[1] = NvmlReturn.Success;
        Assert.Equal(42, Read(1).Samples[0].GpuUtilPercent);
    }

    [Theory]
    [InlineData(15, "GPU 1 (GPU-b) is lost: restart the machine")]
    [InlineData(16, "GPU 1 (GPU-b) requires a reset")]
    public void A_lost_board_is_told_once_left_alone_for_half_a_minute_and_the_others_are_read(int answer, string text)
    {
        _nvml.Boards.Add(("GPU-b", "00000000:AB:00.0"));
        _nvml.Answers[2] = (NvmlReturn)answer;
        var reading = Read(0);
        Assert.Equal(["GPU-a"], reading.Samples.Select(gpu => gpu.Gpu));
        Assert.Equal((GpuWatch.LostKind, text), (Assert.Single(reading.Events).Kind, reading.Events[0].Text));
        Assert.Equal(2, _nvml.UtilizationCalls);
        Assert.Empty(Read(29).Events);
        Assert.Equal(3, _nvml.UtilizationCalls);
        Assert.Empty(Read(30).Events);
        Assert.Equal(5, _nvml.UtilizationCalls);
        _nvml.Answers[2] = NvmlReturn.Success;
        Assert.Equal(2, Read(60).Samples.Count);
    }

    [Fact]
    public void Without_a_board_left_it_says_so()
    {
        _nvml.Answers[1] = NvmlReturn.GpuIsLost;
        Assert.Equal("all 1 GPU(s) are lost or require a reset: restart the machine", Read(0).Failure);
        _nvml.Boards.Clear();
        var empty = new NvmlReader(_nvml, _ => { }).Read(Now, TimeSpan.Zero, scan: false);
        Assert.Equal("NVML finds no GPU that this process may use", empty.Failure);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(18)]
    public void A_library_that_lost_its_driver_is_closed_and_opened_anew(int answer)
    {
        Read(0);
        _nvml.Answers[1] = (NvmlReturn)answer;
        Assert.NotNull(Read(1).Failure);
        Assert.Equal((1, 1), (_nvml.Inits, _nvml.Shutdowns));
        _nvml.Answers[1] = NvmlReturn.Success;
        Assert.Null(Read(2).Failure);
        Assert.Equal(2, _nvml.Inits);
    }

    [Fact]
    public void Power_is_what_the_counter_of_energy_gained_and_else_what_the_sensor_says()
    {
        Assert.Equal(250, Read(0).Samples[0].PowerW);
        using var counting = new FakeNvml { Energy = 1000 };
        var second = new NvmlReader(counting, _ => { });
        double? Power(double seconds, ulong millijoules)
        {
            counting.Energy = millijoules;
            return second.Read(Now, TimeSpan.FromSeconds(seconds), scan: false).Samples[0].PowerW;
        }

        Assert.Equal(250, Power(0, 1_000));
        Assert.Equal(310, Power(2, 621_000));
        Assert.Equal(250, Power(2.1, 640_000));
        Assert.Equal(250, Power(4, 5));
        Assert.Equal(100, Power(5, 100_005));
    }

    [Fact]
    public void A_process_that_computes_and_draws_is_one()
    {
        _nvml.Running.Add(new NvmlProcess(7, 1024));
        Assert.Equal([new GpuProcess("GPU-a", 7, "", 1024)], _reader.Read(Now, TimeSpan.Zero, scan: true).Scan!.Processes);
        Assert.Null(Read(1).Scan);
    }

    [Fact]
    public void Faults_of_known_boards_are_taken()
    {
        _nvml.Xids.Enqueue((1, 79));
        _nvml.Xids.Enqueue((99, 31));
        Assert.Equal([new Xid("0000:9b:00", 79, "")], Read(0).Xids);
        Assert.Empty(Read(1).Xids);
    }

    private NvmlReading Read(double seconds) => _reader.Read(Now, TimeSpan.FromSeconds(seconds), scan: false);
}
