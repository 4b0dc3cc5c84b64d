using Akka.Actor;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Gpus;
using FleetVibe.Agent.Sources.Nvml;
using FleetVibe.Agent.Tests.Sources.Gpus;
using static FleetVibe.Agent.Sources.SourceMessages;

namespace FleetVibe.Agent.Tests.Sources.Nvml;

public sealed class NvmlActorTests : SourceActorTest
{
    private static readonly NvmlSourceSettings Settings = new();

    private readonly FakeNvml _nvml = new();
    private readonly NvmlThread _thread = new();

    [Fact]
    public async Task Every_interval_all_boards_are_one_report()
    {
        var source = await StartAsync();
        await AdvanceAsync(source, TimeSpan.FromSeconds(1));
        var report = await NextAsync(source);
        Assert.Equal(("GPU-a", 42d, 250d), (report.Gpus[0].Gpu, report.Gpus[0].GpuUtilPercent, report.Gpus[0].PowerW));
        Assert.Equal(Time.GetUtcNow(), report.Gpus[0].At);
        await AdvanceAsync(source, TimeSpan.FromSeconds(1));
        await NextAsync(source);
        Assert.Equal(1, _nvml.Inits);
        Assert.Null((await StatusAsync(source)).Error);
    }

    [Fact]
    public async Task A_call_that_hangs_makes_the_source_stuck_and_nothing_else_is_called()
    {
        var source = await StartAsync();
        _nvml.Hang();
        await AdvanceAsync(source, TimeSpan.FromSeconds(1));
        await AwaitConditionAsync(() => Task.FromResult(_nvml.Hanging == 1));
        for (var i = 0; i < 9; i++)
        {
            await AdvanceAsync(source, TimeSpan.FromSeconds(1));
        }

        source.Tell(CollectDue.Instance);
        await HeardAsync(source);
        Assert.False(Accumulator.HasMessages);
        await AdvanceAsync(source, TimeSpan.FromSeconds(1));
        var status = await StatusAsync(source);
        Assert.Equal(ErrorClass.Timeout, status.Error);
        Assert.StartsWith("NVML does not answer: nvmlDeviceGetPowerUsage of GPU 0 hangs since more than 10 s", status.ErrorText, StringComparison.Ordinal);

        // Another incarnation has the same thread, and so does not call either.
        var second = Sys.ActorOf(Props());
        await Accumulator.ExpectMsgAsync<SourceReady>();
        second.Tell(new StartSource(null, false, Time.GetUtcNow()));
        Assert.Equal(ErrorClass.Timeout, (await StatusAsync(second)).Error);
        await AdvanceAsync(source, TimeSpan.FromMinutes(1));
        Assert.Equal((1, 1), (_nvml.Hanging, _nvml.UtilizationCalls));

        Sys.Stop(second);
        _nvml.Release();
        await AwaitConditionAsync(async () =>
        {
            source.Tell(CollectDue.Instance);
            await AdvanceAsync(source, TimeSpan.FromSeconds(1));
            return await TakeAllAsync(source, report => report.Status is { Error: null });
        });
    }

    [Fact]
    public async Task Without_a_library_everything_is_left_to_nvidia_smi()
    {
        var instead = CreateTestProbe();
        var source = Sys.ActorOf(NvmlActor.CreateProps(
            Settings, Accumulator, Time, _thread, NoLibrary, () => new GpuWatch(new OwnProcesses([]), new FakeTable(), null), () => Akka.Actor.Props.Create(() => new Relay(instead))));
        await instead.ExpectMsgAsync("begun");
        source.Tell(CollectDue.Instance);
        await instead.ExpectMsgAsync<CollectDue>();
        await AdvanceAsync(source, TimeSpan.FromMinutes(1));
        Assert.False(Accumulator.HasMessages);

        static INvml? NoLibrary(string library, out string problem)
        {
            problem = $"{library} cannot be loaded";
            return null;
        }
    }

    [Fact]
    public async Task A_driver_that_is_not_loaded_is_asked_again_after_a_pause_that_grows()
    {
        _nvml.InitAnswer = NvmlReturn.DriverNotLoaded;
        var source = await StartAsync();
        foreach (var (second, inits) in new[] { (1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 3), (7, 3), (8, 4) })
        {
            await AdvanceAsync(source, TimeSpan.FromSeconds(1));
            await AwaitConditionAsync(async () =>
            {
                await HeardAsync(source);
                return _nvml.Inits >= inits;
            });
            await SettledAsync(source);
            Assert.Equal((second, inits), (second, _nvml.Inits));
        }

        Assert.Contains("no NVIDIA driver is loaded", (await StatusAsync(source)).ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_driver_says_and_what_two_scans_find_are_events()
    {
        _nvml.Running.Add(new NvmlProcess(7, 512 << 20));
        _nvml.Xids.Enqueue((1, 79));
        var source = await StartAsync();
        var told = new List<(int Second, string Kind)>();
        for (var second = 1; second <= 12; second++)
        {
            _nvml.Answers[1] = second == 12 ? NvmlReturn.GpuIsLost : NvmlReturn.Success;
            await AdvanceAsync(source, TimeSpan.FromSeconds(1));
            await SettledAsync(source);
            source.Tell(CollectDue.Instance);
            await HeardAsync(source);
            await TakeAllAsync(source, report =>
            {
                told.AddRange(report.Events.Select(happened => (second, happened.Kind)));
                return true;
            });
        }

        Assert.Equal([(1, XidWatch.Kind), (11, ProcessWatch.DeadKind), (12, GpuWatch.LostKind)], told);
    }

    [Fact]
    public async Task A_stopped_source_closes_the_library()
    {
        var source = await StartAsync();
        await AdvanceAsync(source, TimeSpan.FromSeconds(1));
        await NextAsync(source);
        Sys.Stop(source);
        await AwaitConditionAsync(() => Task.FromResult(_nvml.Shutdowns == 1));
    }

    protected override void AfterAll()
    {
        _nvml.Release();
        base.AfterAll();
        _thread.Dispose();
        _nvml.Dispose();
    }

    private Props Props() => NvmlActor.CreateProps(
        Settings, Accumulator, Time, _thread, Load, () => new GpuWatch(new OwnProcesses([]), new FakeTable(), null), () => throw new InvalidOperationException("there is a library"));

    private FakeNvml Load(string library, out string problem)
    {
        problem = "";
        return _nvml;
    }

    private Task<IActorRef> StartAsync() => StartAsync(Props(), "nvml:nvml");

    /// <summary>The thread has nothing to do and the source has heard of all that it did.</summary>
    private async Task SettledAsync(IActorRef source)
    {
        await AwaitConditionAsync(() =>
        {
            var free = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return Task.FromResult(_thread.TryRun(() => 0, (_, _) => free.SetResult()) && free.Task.Wait(TimeSpan.FromSeconds(10)));
        });
        await HeardAsync(source);
    }

    private sealed class Relay : UntypedActor
    {
        private readonly IActorRef _to;

        public Relay(IActorRef to) => (_to, _) = (to, Tell(to));

        protected override void OnReceive(object message) => _to.Tell(message);

        private static bool Tell(IActorRef to)
        {
            to.Tell("begun");
            return true;
        }
    }
}
