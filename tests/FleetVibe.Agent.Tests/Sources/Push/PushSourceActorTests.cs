using System.Net.Sockets;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Push;
using FleetVibe.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Time.Testing;
using static FleetVibe.Agent.Sources.Push.PushSourceActor;
using static FleetVibe.Agent.Sources.SourceMessages;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Sources.Push;

public sealed class PushSourceActorTests : TestKit
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TempFolder _folder = new();
    private readonly PushSourceSettings _settings;
    private readonly FakeTimeProvider _time = new(At(0));

    public PushSourceActorTests() => _settings = new PushSourceSettings { Socket = Path.Combine(_folder.Path, "c.sock") };

    protected override void AfterAll()
    {
        base.AfterAll();
        _folder.Dispose();
    }

    private async Task<IActorRef> StartAsync(byte[]? checkpoint = null)
    {
        var source = Sys.ActorOf(PushSourceActor.CreateProps(_settings, TestActor, _time));
        await ExpectMsgAsync<SourceReady>(ready => Assert.Equal(_settings.Key, ready.SourceKey));
        source.Tell(new StartSource(checkpoint, SpoolIsFresh: false, At(0)));
        return source;
    }

    private static CollectorMessage Hello(string name = "a") => new() { Hello = new CollectorHello { Name = name, Model = "m", Task = "chat" } };

    private static CollectorMessage Batch(ulong sequence, int requests = 1)
    {
        var batch = new CollectorBatch { Sequence = sequence };
        for (var i = 0; i < requests; i++)
        {
            batch.Requests.Add(new FinishedRequest { CompletedUs = Start * 1_000_000 });
        }

        return new CollectorMessage { Batch = batch };
    }

    // A collector that registered, and was welcomed.
    private async Task<CollectorConnection> WelcomedAsync(IActorRef source, string name = "a")
    {
        var connection = new CollectorConnection();
        source.Tell(new MessageReceived(connection, Hello(name)));
        await StoreAsync(source);
        Assert.True(connection.Replies.TryRead(out var reply));
        Assert.NotNull(reply.Welcome);
        return connection;
    }

    // The report that comes is folded and stored.
    private async Task<SourceReport> StoreAsync(IActorRef source)
    {
        var report = (SourceReport)await FishForMessageAsync(message => message is SourceReport);
        source.Tell(ReportFolded.Instance);
        source.Tell(new ReportStored(report.Checkpoint));
        await BarrierAsync(source);
        return report;
    }

    // What was told before has been received.
    private static Task<ActorIdentity> BarrierAsync(IActorRef source) => source.Ask<ActorIdentity>(new Identify(null), Patience);

    private static CollectorReply? Next(CollectorConnection connection) => connection.Replies.TryRead(out var reply) ? reply : null;

    private static async Task<Grpc.Core.Status> RefusalAsync(CollectorConnection connection) =>
        (await Assert.ThrowsAsync<RpcException>(() => connection.Replies.Completion.WaitAsync(Patience))).Status;

    [Fact]
    public async Task A_new_collector_is_welcomed_only_when_its_registration_is_stored()
    {
        var source = await StartAsync();
        var connection = new CollectorConnection();
        source.Tell(new MessageReceived(connection, Hello()));
        var report = (SourceReport)await FishForMessageAsync(message => message is SourceReport);
        source.Tell(ReportFolded.Instance);
        await BarrierAsync(source);

        Assert.True(report.TellWhenStored);
        Assert.Null(Next(connection));
        source.Tell(new ReportStored(report.Checkpoint));
        await BarrierAsync(source);
        Assert.Equal(0UL, Next(connection)!.Welcome.LastSequence);
    }

    [Fact]
    public async Task A_batch_is_acked_when_it_is_stored_and_not_when_it_is_folded()
    {
        var source = await StartAsync();
        var connection = await WelcomedAsync(source);
        source.Tell(new MessageReceived(connection, Batch(1, requests: 3)));
        var report = (SourceReport)await FishForMessageAsync(message => message is SourceReport);
        source.Tell(ReportFolded.Instance);
        await BarrierAsync(source);

        Assert.Equal(3, report.Requests.Count);
        Assert.Null(Next(connection));
        source.Tell(new ReportStored(report.Checkpoint));
        await BarrierAsync(source);
        Assert.Equal(1UL, Next(connection)!.Ack.Sequence);
    }

    [Fact]
    public async Task A_duplicate_is_acked_again_and_not_counted()
    {
        var source = await StartAsync();
        var connection = await WelcomedAsync(source);
        source.Tell(new MessageReceived(connection, Batch(1)));
        await StoreAsync(source);
        Assert.Equal(1UL, Next(connection)!.Ack.Sequence);
        source.Tell(new MessageReceived(connection, Batch(1)));
        source.Tell(new MessageReceived(connection, Batch(2)));

        var report = await StoreAsync(source);
        Assert.Equal(2UL, CollectorBook.Load(report.Checkpoint).Collectors["a"].Last);
        Assert.Single(report.Requests);
        Assert.Equal(1UL, Next(connection)!.Ack.Sequence);
        Assert.Equal(2UL, Next(connection)!.Ack.Sequence);
    }

    [Fact]
    public async Task A_hole_is_refused_and_named()
    {
        var source = await StartAsync();
        var connection = await WelcomedAsync(source);
        source.Tell(new MessageReceived(connection, Batch(2)));

        var refusal = await RefusalAsync(connection);
        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
        Assert.StartsWith("batch 2 came after 0: send 1 first", refusal.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_resumed_collector_hears_its_last_sequence_once_all_that_was_counted_is_stored()
    {
        var source = await StartAsync();
        var first = await WelcomedAsync(source);
        source.Tell(new MessageReceived(first, Batch(1)));
        var report = (SourceReport)await FishForMessageAsync(message => message is SourceReport);
        source.Tell(ReportFolded.Instance);
        source.Tell(new Disconnected(first));
        var second = new CollectorConnection();
        source.Tell(new MessageReceived(second, Hello()));
        await BarrierAsync(source);

        Assert.Null(Next(second));
        source.Tell(new ReportStored(report.Checkpoint));
        await BarrierAsync(source);
        Assert.Equal(1UL, Next(second)!.Welcome.LastSequence);
    }

    [Fact]
    public async Task A_batch_that_waited_goes_with_its_stream()
    {
        var source = await StartAsync();
        var first = await WelcomedAsync(source);
        source.Tell(new MessageReceived(first, Batch(1)));
        source.Tell(new MessageReceived(first, Batch(2)));
        source.Tell(new Disconnected(first));

        Assert.Equal(1UL, CollectorBook.Load((await StoreAsync(source)).Checkpoint).Collectors["a"].Last);
        await ExpectNoReportAsync(source);
    }

    [Fact]
    public async Task After_a_restart_nothing_is_welcomed_before_the_old_checkpoint_is_known_to_be_stored()
    {
        var book = CollectorBook.Empty.Register("a", "e", At(0))!.Advance("a", 1, At(0));
        var source = await StartAsync(book.ToCheckpoint());
        var connection = new CollectorConnection();
        source.Tell(new MessageReceived(connection, Hello()));
        await BarrierAsync(source);

        Assert.Null(Next(connection));
        await StoreAsync(source);
        var welcome = Next(connection)!.Welcome;
        Assert.Equal(("e", 1UL), (welcome.Epoch, welcome.LastSequence));
    }

    [Fact]
    public async Task A_second_stream_under_one_name_is_refused_while_the_first_stands()
    {
        var source = await StartAsync();
        await WelcomedAsync(source);
        var second = new CollectorConnection();
        source.Tell(new MessageReceived(second, Hello()));

        Assert.Equal(StatusCode.AlreadyExists, (await RefusalAsync(second)).StatusCode);
    }

    [Fact]
    public async Task Batches_without_welcome_too_large_ones_and_bad_names_are_refused()
    {
        var source = await StartAsync();
        var (early, large, unnamed, empty) = (new CollectorConnection(), await WelcomedAsync(source), new CollectorConnection(), new CollectorConnection());
        source.Tell(new MessageReceived(early, Batch(1)));
        source.Tell(new MessageReceived(large, Batch(1, BatchReading.MaxEntries + 1)));
        source.Tell(new MessageReceived(unnamed, Hello("a b")));
        source.Tell(new MessageReceived(empty, new CollectorMessage()));

        Assert.Equal(StatusCode.FailedPrecondition, (await RefusalAsync(early)).StatusCode);
        Assert.Equal("batch 1 has more than 5000 entries: send smaller ones", (await RefusalAsync(large)).Detail);
        Assert.Equal("\"a b\" is no name of a collector: 1 to 64 of A-Z a-z 0-9 . _ - are needed", (await RefusalAsync(unnamed)).Detail);
        Assert.Equal(StatusCode.InvalidArgument, (await RefusalAsync(empty)).StatusCode);
    }

    [Fact]
    public async Task A_batch_between_hello_and_welcome_and_a_second_hello_are_refused()
    {
        var source = await StartAsync();
        var (early, twice) = (new CollectorConnection(), await WelcomedAsync(source, "b"));
        source.Tell(new MessageReceived(early, Hello()));
        source.Tell(new MessageReceived(early, Batch(1)));
        source.Tell(new MessageReceived(twice, Hello("c")));

        Assert.StartsWith("a batch before the welcome", (await RefusalAsync(early)).Detail, StringComparison.Ordinal);
        Assert.Equal((StatusCode.InvalidArgument, "a second hello on one stream"), ((await RefusalAsync(twice)).StatusCode, (await RefusalAsync(twice)).Detail));
        Assert.Empty((await StoreAsync(source)).Requests);
        await ExpectNoReportAsync(source);
    }

    [Fact]
    public async Task The_service_may_read_on_only_when_a_batch_was_folded()
    {
        var source = await StartAsync();
        var connection = await WelcomedAsync(source);
        var service = CreateTestProbe();
        source.Tell(new MessageReceived(connection, Batch(1)), service);
        await FishForMessageAsync(message => message is SourceReport);
        await BarrierAsync(source);
        Assert.False(service.HasMessages);
        source.Tell(ReportFolded.Instance);

        await service.ExpectMsgAsync<MessageTaken>();
    }

    [Fact]
    public async Task A_stream_whose_client_has_finished_ends_with_its_last_ack()
    {
        var source = await StartAsync();
        var connection = await WelcomedAsync(source);
        source.Tell(new MessageReceived(connection, Batch(1)));
        var report = (SourceReport)await FishForMessageAsync(message => message is SourceReport);
        source.Tell(ReportFolded.Instance);
        source.Tell(new ClientFinished(connection));
        await BarrierAsync(source);
        Assert.False(connection.Replies.Completion.IsCompleted);
        source.Tell(new ReportStored(report.Checkpoint));
        await BarrierAsync(source);

        Assert.Equal(1UL, Next(connection)!.Ack.Sequence);
        await connection.Replies.Completion.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_source_that_stops_sends_its_collectors_away_to_come_again()
    {
        var source = await StartAsync();
        var connection = await WelcomedAsync(source);
        Sys.Stop(source);

        Assert.Equal(StatusCode.Unavailable, (await RefusalAsync(connection)).StatusCode);
    }

    [Fact]
    public async Task A_collector_is_a_target_of_its_own_and_is_told_once_more_when_it_left()
    {
        var source = await StartAsync();
        var connection = await WelcomedAsync(source);
        var batch = Batch(1);
        batch.Batch.Requests.Add(new FinishedRequest());
        source.Tell(new MessageReceived(connection, batch));
        await StoreAsync(source);
        var ack = Next(connection)!.Ack;
        Assert.Equal((1UL, "a request with completed_us = 0, which is no time in microseconds since 1970"), (ack.Skipped, ack.SkippedWhy));

        var up = await CollectAsync(source);
        source.Tell(new Disconnected(connection));
        var down = await CollectAsync(source);
        Assert.Equal(("a", true, 1L), (up.Collectors[0].Name, up.Collectors[0].Status.IsUp, up.Collectors[0].Status.SamplesSkipped));
        Assert.Equal(("a", false, 0L), (down.Collectors[0].Name, down.Collectors[0].Status.IsUp, down.Collectors[0].Status.SamplesSkipped));
        Assert.Empty((await CollectAsync(source)).Collectors);
    }

    [Fact]
    public async Task A_client_speaks_over_the_socket_whose_mode_lets_only_the_user_in()
    {
        IActorRef source = ActorRefs.Nobody;
        await EventFilter.Info(contains: "takes collectors on").ExpectOneAsync(Patience, async () => source = await StartAsync());
        Assert.True(!OperatingSystem.IsWindows() && File.GetUnixFileMode(_settings.Socket) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
        using var channel = Channel();
        using var call = new Collectors.CollectorsClient(channel).Report();
        await call.RequestStream.WriteAsync(Hello());
        await StoreAsync(source);
        await call.RequestStream.WriteAsync(Batch(1));
        await call.RequestStream.CompleteAsync();
        await StoreAsync(source);

        List<CollectorReply> replies = [];
        await foreach (var reply in call.ResponseStream.ReadAllAsync())
        {
            replies.Add(reply);
        }

        Assert.Equal([0UL, 1UL], replies.Select(reply => reply.Welcome?.LastSequence ?? reply.Ack.Sequence));
        Assert.False(Assert.Single((await CollectAsync(source)).Collectors).Status.IsUp);
        Watch(source);
        Sys.Stop(source);
        await ExpectTerminatedAsync(source);
        Assert.False(File.Exists(_settings.Socket));
    }

    private GrpcChannel Channel() => GrpcChannel.ForAddress("http://collectors", new GrpcChannelOptions
    {
        HttpHandler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(_settings.Socket), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        },
    });

    private async Task<SourceReport> CollectAsync(IActorRef source)
    {
        source.Tell(CollectDue.Instance);
        var report = (SourceReport)await FishForMessageAsync(message => message is SourceReport { Status: not null });
        source.Tell(ReportFolded.Instance);
        await BarrierAsync(source);
        return report;
    }

    private async Task ExpectNoReportAsync(IActorRef source)
    {
        await BarrierAsync(source);
        while (HasMessages)
        {
            Assert.IsNotType<SourceReport>(await ReceiveOneAsync());
        }
    }
}
