using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Push;
using Microsoft.Extensions.Time.Testing;
using static FleetVibe.Agent.Sources.SourceMessages;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Sources.Push;

/// <summary>What a source says of its socket while and after it is opened; the time until it is tried again is virtual.</summary>
public sealed class PushSocketTests : TestKit
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TempFolder _folder = new();
    private readonly PushSourceSettings _settings;

    public PushSocketTests()
        : base("""akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit" """) =>
        _settings = new PushSourceSettings { Socket = Path.Combine(_folder.Path, "c.sock") };

    protected override void AfterAll()
    {
        base.AfterAll();
        _folder.Dispose();
    }

    // It hears that it is to start and to collect before it hears anything of its socket.
    private async Task<IActorRef> CollectingAsync()
    {
        var source = Sys.ActorOf(PushSourceActor.CreateProps(_settings, TestActor, new FakeTimeProvider(At(0))));
        await ExpectMsgAsync<SourceReady>(Patience);
        ((IInternalActorRef)source).Suspend();
        source.Tell(new StartSource(null, SpoolIsFresh: false, At(0)));
        source.Tell(CollectDue.Instance);
        ((IInternalActorRef)source).Resume(null);
        return source;
    }

    [Fact]
    public async Task While_its_socket_is_being_opened_a_source_is_neither_up_nor_down()
    {
        await File.WriteAllTextAsync(_settings.Socket, "mine");
        await CollectingAsync();

        var first = (await ExpectMsgAsync<SourceReport>(Patience)).Status!;
        Assert.Equal((ErrorClass.Permission, $"{_settings.Socket} is there and is no socket: take it away, or set socket to another path"), (first.Error, first.ErrorText));
    }

    [Fact]
    public async Task A_collection_that_fell_into_the_opening_is_answered_once_the_socket_stands()
    {
        await CollectingAsync();

        Assert.True((await ExpectMsgAsync<SourceReport>(Patience)).Status!.IsUp);
        Assert.True(File.Exists(_settings.Socket));
    }

    [Fact]
    public async Task A_file_in_the_place_of_the_socket_is_left_alone_and_the_socket_tried_again()
    {
        await File.WriteAllTextAsync(_settings.Socket, "mine");
        var source = await CollectingAsync();
        await ExpectMsgAsync<SourceReport>(Patience);
        source.Tell(ReportFolded.Instance);
        Assert.Equal("mine", await File.ReadAllTextAsync(_settings.Socket));
        File.Delete(_settings.Socket);
        await source.Ask<ActorIdentity>(new Identify(null), Patience);
        await EventFilter.Info(contains: "takes collectors on").ExpectOneAsync(Patience, () =>
        {
            ((TestScheduler)Sys.Scheduler).Advance(TimeSpan.FromSeconds(5));
            return Task.CompletedTask;
        });
        source.Tell(CollectDue.Instance);

        Assert.True((await ExpectMsgAsync<SourceReport>(Patience)).Status!.IsUp);
    }
}
