using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Spool;
using FleetVibe.Protocol.V1;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using static FleetVibe.Agent.Accumulating.AccumulatorMessages;
using static FleetVibe.Agent.Sources.SourceMessages;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Accumulating;

/// <summary>A spool that fills up, and a disk that is full or read-only.</summary>
public sealed class FullSpoolTests : TestKit
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new(At(100_000));

    public FullSpoolTests()
        : base("""akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit" """)
    {
    }

    [Fact]
    public async Task From_four_fifths_of_its_limit_a_spool_coalesces_and_tells_the_uplink()
    {
        using var folder = new TempFolder();
        using var spool = await OpenAsync(folder.Path);
        var before = await FillAsync(spool, windows: 300, apart: 10);
        var uplink = CreateTestProbe();
        var accumulator = await AccumulatorAsync(spool, Settings(RequestLog) with { SpoolMaxBytes = before.UsedBytes * 10 / 9 }, uplink);

        var told = await uplink.ExpectMsgAsync<RecordsSpooled>(Patience);
        Assert.All(told.Result.Records, record => Assert.False(record.IsLive));
        await EventuallyAsync(accumulator, async () =>
        {
            var now = await spool.RunAsync(store => store.Status);
            Assert.True(now.UsedBytes < before.UsedBytes * 10 / 9 * 0.8);
            Assert.Equal(before.Ledger with { RecordsCoalesced = now.Ledger.RecordsCoalesced, NodePointsCoalesced = now.Ledger.NodePointsCoalesced }, now.Ledger);
            Assert.Equal(300, now.Ledger.NodePointsCoalesced + (await spool.RunAsync(store => store.Backlog(1000).Count)) - (now.Records - (300 - now.Ledger.RecordsCoalesced)));
        });
    }

    [Fact]
    public async Task At_the_limit_all_sources_wait_and_only_an_engine_makes_the_oldest_be_dropped()
    {
        using var folder = new TempFolder();
        using var spool = await OpenAsync(folder.Path);
        var before = await FillAsync(spool, windows: 400, apart: 3600);
        var (log, engine) = (CreateTestProbe(), CreateTestProbe());
        var accumulator = await AccumulatorAsync(spool, Settings(RequestLog, Vllm) with { SpoolMaxBytes = before.UsedBytes }, CreateTestProbe());
        accumulator.Tell(Lines(1, Request(100_001)), log);
        accumulator.Tell(new SourceReport(Vllm.Key) { Deltas = [Delta(100_000, 100_001, 5)], Checkpoint = [1] }, engine);
        await AdvanceAsync(accumulator, 60);
        await engine.ExpectNoMsgAsync(TimeSpan.Zero);
        Assert.Equal(before.Ledger, (await spool.RunAsync(store => store.Status)).Ledger);

        _time.Advance(RoomRule.Patience);
        await EventuallyAsync(accumulator, () =>
        {
            Assert.True(engine.HasMessages);
            return Task.CompletedTask;
        });
        await engine.ExpectMsgAsync<ReportFolded>(Patience);
        Assert.False(log.HasMessages);
        await EventuallyAsync(accumulator, async () => Assert.Contains("spool_dropped", await EventsAsync(spool)));
        var after = await spool.RunAsync(store => store.Status);
        Assert.InRange(after.Ledger.DroppedSpoolFull, 1, 399);
        Assert.True(after.Ledger.AddsUp);

        accumulator.Tell(new SpoolChanged(after with { UsedBytes = 0, Version = after.Version + 1000 }));
        await log.ExpectMsgAsync<ReportFolded>(Patience);
    }

    [Fact]
    public async Task A_GPU_tool_makes_nothing_be_dropped()
    {
        using var folder = new TempFolder();
        using var spool = await OpenAsync(folder.Path);
        var before = await FillAsync(spool, windows: 400, apart: 3600);
        var gpus = new NvidiaSmiSourceSettings();
        var accumulator = await AccumulatorAsync(spool, Settings(RequestLog, gpus) with { SpoolMaxBytes = before.UsedBytes }, CreateTestProbe());
        accumulator.Tell(new SourceReport(gpus.Key), TestActor);
        await AdvanceAsync(accumulator, 60);
        _time.Advance(RoomRule.Patience);
        await AdvanceAsync(accumulator, 60);
        Assert.False(HasMessages);
        Assert.Equal(before.Ledger, (await spool.RunAsync(store => store.Status)).Ledger);
    }

    [Fact]
    public async Task What_happened_is_told_once_in_the_next_record()
    {
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(Path.Combine(folder.Path, SpoolFile.FileName), new string('x', 5000));
        using var spool = await OpenAsync(folder.Path);
        var accumulator = await AccumulatorAsync(spool, Settings(RequestLog), CreateTestProbe());
        accumulator.Tell(new SetClockOffset(TimeSpan.FromSeconds(-90)));
        await EventuallyAsync(accumulator, async () => Assert.Equal(["clock_skew", "spool_lost"], await EventsAsync(spool)));
        Assert.Null((await spool.RunAsync(store => store.Load())).LostWhy);
    }

    [SmallDiskFact]
    public async Task While_the_disk_is_full_sources_wait_and_go_on_by_themselves()
    {
        using var disk = new SmallDisk();
        using var spool = await OpenAsync(disk.Path);
        var accumulator = await AccumulatorAsync(spool, Settings(RequestLog) with { DataDirectory = disk.Path }, CreateTestProbe());
        disk.Fill();
        await EventFilter.Error(contains: $"cannot write the spool in {disk.Path}").ExpectOneAsync(Patience, async () =>
        {
            accumulator.Tell(Lines(1, [.. Enumerable.Range(0, 400).Select(n => Request(100_000 - (n * 10)))]), TestActor);
            await AdvanceAsync(accumulator, 30);
        });
        accumulator.Tell(Lines(2, Request(100_003)), TestActor);
        await AdvanceAsync(accumulator, 5);
        while (HasMessages)
        {
            // The report before the failure was known may have been answered.
            await ReceiveOneAsync(Patience);
        }

        accumulator.Tell(Lines(3, Request(100_004)), TestActor);
        await AdvanceAsync(accumulator, 5);
        await ExpectNoMsgAsync(TimeSpan.Zero);

        disk.Empty();
        await EventuallyAsync(accumulator, () =>
        {
            Assert.True(HasMessages);
            return Task.CompletedTask;
        });
        await AdvanceAsync(accumulator, 30);
        await EventuallyAsync(accumulator, async () => Assert.Equal(402, (await spool.RunAsync(store => store.Status)).Ledger.Seen));
    }

    // One record of one request, and the node's points, for each window.
    private static Task<SpoolStatus> FillAsync(SpoolWorker spool, int windows, int apart)
    {
        var state = State(Settings(RequestLog), 100_000 - (windows * apart));
        for (var n = 1; n <= windows; n++)
        {
            state.Fold(Lines(1, Request(100_000 - (n * apart))), At(100_000 - (n * apart)));
        }

        var batch = state.TakeBatch(At(100_000 + 12), 0);
        batch = batch with { Closing = [.. batch.Closing.Where(closing => !closing.Part.IsEmpty)] };
        return spool.RunAsync(store => store.Commit(batch, new WindowCloser(Settings(RequestLog))).Status);
    }

    private async Task<SpoolWorker> OpenAsync(string folder) => await SpoolWorker.OpenAsync(folder, _time, NullLogger.Instance);

    private async Task<IActorRef> AccumulatorAsync(SpoolWorker spool, AgentSettings settings, IActorRef uplink)
    {
        var contents = await spool.RunAsync(store => store.Load());
        var accumulator = Sys.ActorOf(AccumulatorActor.CreateProps(settings, spool, contents, _time));
        accumulator.Tell(new AccumulatorActor.AttachUplink(uplink));
        accumulator.Tell(new SetClockOffset(TimeSpan.Zero));
        return accumulator;
    }

    private async Task AdvanceAsync(IActorRef sut, double seconds)
    {
        var step = TimeSpan.FromMilliseconds(250);
        for (var passed = 0d; passed < seconds; passed += step.TotalSeconds)
        {
            _time.Advance(step);
            ((TestScheduler)Sys.Scheduler).Advance(step);
            await sut.Ask<ActorIdentity>(new Identify(1), Patience);
        }
    }

    private async Task EventuallyAsync(IActorRef sut, Func<Task> check) => await AwaitAssertAsync(
        async () =>
        {
            await AdvanceAsync(sut, 0.25);
            await check();
        },
        Patience,
        TimeSpan.FromMilliseconds(5));

    private static async Task<List<string>> EventsAsync(SpoolWorker spool) => await spool.RunAsync(store =>
        store.Offer([.. store.OfferedSequences(), .. store.Backlog(10_000)]).Records.Select(record => record.Content).PointsOf("vibe_event")
            .Select(point => point.Tag("kind")).Order(StringComparer.Ordinal).ToList());
}
