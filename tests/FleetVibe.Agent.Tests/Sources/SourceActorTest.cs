using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Sources;
using Microsoft.Extensions.Time.Testing;
using static FleetVibe.Agent.Sources.SourceMessages;

namespace FleetVibe.Agent.Tests.Sources;

/// <summary>A source's actor before an accumulator that the test plays, both clocks in the hand of the test.</summary>
public abstract class SourceActorTest : TestKit
{
    protected SourceActorTest()
        : base("akka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"\nakka.loglevel = WARNING") =>
        Accumulator = CreateTestProbe();

    protected FakeTimeProvider Time { get; } = new();

    protected TestProbe Accumulator { get; }

    /// <summary>The source has done all that it was told.</summary>
    protected static Task HeardAsync(IActorRef source) => source.Ask<ActorIdentity>(new Identify(0));

    /// <summary>First everything that was told before is done, then the time passes.</summary>
    protected async Task AdvanceAsync(IActorRef source, TimeSpan span)
    {
        await HeardAsync(source);
        Time.Advance(span);
        ((TestScheduler)Sys.Scheduler).Advance(span);
        await HeardAsync(source);
    }

    /// <summary>The source announces itself, and is told to begin.</summary>
    protected async Task<IActorRef> StartAsync(Props props, string key)
    {
        var source = Sys.ActorOf(props);
        Assert.Equal(key, (await Accumulator.ExpectMsgAsync<SourceReady>()).SourceKey);
        source.Tell(new StartSource(null, false, Time.GetUtcNow()));
        await HeardAsync(source);
        return source;
    }

    private protected async Task<SourceReport> NextAsync(IActorRef source)
    {
        var report = await Accumulator.ExpectMsgAsync<SourceReport>();
        source.Tell(ReportFolded.Instance);
        return report;
    }

    private protected async Task<CollectionStatus> StatusAsync(IActorRef source)
    {
        source.Tell(CollectDue.Instance);
        var report = await NextAsync(source);
        Assert.NotNull(report.Status);
        return report.Status;
    }

    /// <summary>Takes all reports that are there, one after the other.</summary>
    /// <returns>Whether one of them is as wanted.</returns>
    private protected async Task<bool> TakeAllAsync(IActorRef source, Predicate<SourceReport> wanted)
    {
        var isThere = false;
        while (Accumulator.HasMessages)
        {
            isThere |= wanted(await NextAsync(source));
            await HeardAsync(source);
        }

        return isThere;
    }
}
