using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using FleetVibe.Verbs;
using FleetVibe.Verbs.Asking;
using FleetVibe.Verbs.Explain;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Tests.Verbs;

public sealed class AskingTests : IAsyncLifetime, IDisposable
{
    private readonly StringWriter _error = new();
    private readonly StringWriter _output = new();
    private readonly Answers _answers = new();
    private WebApplication? _aggregator;

    [Theory]
    [InlineData("agg-1:7071", null, false, "--aggregator is no http or https address without credentials: write one such as https://agg-1:7071")]
    [InlineData("https://user:secret@agg-1", null, false, "--aggregator is no http or https address without credentials: write one such as https://agg-1:7071")]
    [InlineData("http://agg-1:7071", "t", false, "--aggregator: http://agg-1:7071 is plain http to another machine: use https, or add --insecure")]
    [InlineData("https://agg-1:7071", null, false, "--token-file is missing: it holds the token of the aggregator, the one that the agents have too; or add --insecure")]
    [InlineData("http://agg-1:7071", null, true, "")]
    [InlineData("http://127.0.0.1:7071", null, false, "")]
    public void What_would_be_open_to_others_is_refused(string address, string? tokenFile, bool insecure, string problem)
    {
        var peer = AggregatorOptions.Peer(address, tokenFile, null, insecure, out var said);

        Assert.Equal(problem, said);
        Assert.Equal(problem.Length == 0, peer is not null);
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_named_with_its_option()
    {
        var missing = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"));

        Assert.Null(AggregatorOptions.Peer("http://127.0.0.1:7071", missing, null, false, out var problem));
        Assert.StartsWith("--token-file: ", problem, StringComparison.Ordinal);
        Assert.Null(AggregatorOptions.Peer("http://127.0.0.1:7071", null, missing, false, out problem));
        Assert.StartsWith("--ca-file: ", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_with_one_series_needs_no_task()
    {
        Assert.Equal(ExitCodes.Ok, await Explain(new WindowQuestion("m", null, null, DateTimeOffset.FromUnixTimeSeconds(1_795_507_209))));

        Assert.Equal(new ExplainWindowRequest { Series = new SeriesKey { Model = "m", Task = "t" }, At = 1_795_507_209 }, _answers.Asked);
        Assert.Contains("m / t, from the commit log by way of agg-1", _output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(StatusCode.NotFound, ExitCodes.VerdictFailed, "fleetvibe: m / t: why; a window is committed some seconds after its end, and names must be as the points have them")]
    [InlineData(StatusCode.InvalidArgument, ExitCodes.Usage, "fleetvibe: why")]
    [InlineData(StatusCode.Unavailable, ExitCodes.Unreachable, "answers, but cannot say: why; check that gateway, or [aggregator] gateways there")]
    [InlineData(StatusCode.Unauthenticated, ExitCodes.Unreachable, "it does not take the token: --token-file must hold what its own token_file holds")]
    [InlineData(StatusCode.Unimplemented, ExitCodes.Unreachable, "does not know this question: it is no aggregator, or one of an earlier release")]
    public async Task An_answer_that_is_none_says_what_to_do(StatusCode status, int exit, string said)
    {
        _answers.Failure = new RpcException(new Status(status, "why"));

        Assert.Equal(exit, await Explain(new WindowQuestion("m", "t", null, DateTimeOffset.FromUnixTimeSeconds(1_795_507_209))));
        Assert.Contains(said, _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_time_that_was_coalesced_says_which_level_has_it()
    {
        _answers.Failure = new RpcException(new Status(StatusCode.NotFound, "nothing is committed"));
        _answers.OnlyLevel = WindowLevel._1M;

        Assert.Equal(ExitCodes.VerdictFailed, await Explain(new WindowQuestion("m", "t", null, DateTimeOffset.FromUnixTimeSeconds(1_795_507_209))));
        Assert.Equal(
            "fleetvibe: m / t: nothing is committed; an agent coalesced that time into a larger window: --level 1m has it", _error.ToString().TrimEnd());
    }

    [Fact]
    public async Task Nobody_at_the_address_is_unreachable()
    {
        var address = Address;
        await _aggregator!.StopAsync();

        Assert.Equal(ExitCodes.Unreachable, await Explain(new WindowQuestion("m", "t", null, default), address));
        Assert.Contains("cannot be reached", _error.ToString(), StringComparison.Ordinal);
    }

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.ListenForGrpc(new ListenSettings { Address = ListenAddress.Ephemeral });
        builder.Services.AddSingleton(_answers);
        _aggregator = builder.Build();
        _aggregator.MapGrpcService<Service>();
        await _aggregator.StartAsync();
    }

    public async Task DisposeAsync() => await _aggregator!.DisposeAsync();

    public void Dispose()
    {
        _error.Dispose();
        _output.Dispose();
    }

    private Uri Address => new(_aggregator!.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    private Task<int> Explain(WindowQuestion question, Uri? address = null) => AggregatorCall.RunAsync(
        new PeerSettings { Addresses = [address ?? Address] },
        _error,
        client => ExplainCommand.AnswerAsync(client, question, TimeProvider.System, _output, _error, CancellationToken.None));

    private sealed class Answers
    {
        public RpcException? Failure { get; set; }

        public WindowLevel? OnlyLevel { get; set; }

        public ExplainWindowRequest? Asked { get; set; }
    }

    private sealed class Service(Answers answers) : FleetQuery.FleetQueryBase
    {
        public override Task<FleetSnapshot> GetFleet(GetFleetRequest request, ServerCallContext context) =>
            Task.FromResult(new FleetSnapshot { Series = { new SeriesView { Series = new SeriesKey { Model = "m", Task = "t" } } } });

        public override Task<ExplainWindowReply> ExplainWindow(ExplainWindowRequest request, ServerCallContext context)
        {
            answers.Asked = request;
            return answers.Failure is { } failure && request.Level != answers.OnlyLevel
                ? throw failure
                : Task.FromResult(new ExplainWindowReply
                {
                    Aggregator = "agg-1",
                    Window = new WindowState { Key = new WindowKey { Series = request.Series, Start = request.At - (request.At % 10) }, Revision = 1 },
                });
        }
    }
}
