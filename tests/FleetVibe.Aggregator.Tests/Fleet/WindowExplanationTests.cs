using FleetVibe.Aggregator.Fleet;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;
using Grpc.Core;

namespace FleetVibe.Aggregator.Tests.Fleet;

public class WindowExplanationTests
{
    private const long Start = 1_700_000_010;
    private readonly FakeGateway _gateway = new();

    [Theory]
    [InlineData(Start)]
    [InlineData(Start + 9)]
    public async Task Any_moment_inside_a_window_names_it(long at)
    {
        Commit(["a", "b"], expected: ["a", "b", "c", "d"]);
        Refuse("c", Fate.Late, 7);

        var reply = await Ask(at);

        Assert.Equal("agg-1", reply.Aggregator);
        Assert.Equal(Start, reply.Window.Key.Start);
        Assert.Equal(1UL, reply.Window.Revision);
        Assert.Equal(["a", "b"], reply.Window.Contributors.Select(c => c.Record.Node).Order(StringComparer.Ordinal));
        Assert.Equal(["c", "d"], reply.MissingHosts);
        Assert.Equal(7UL, Assert.Single(reply.Window.Refused).Requests);
        Assert.Equal(6UL, reply.Window.Totals.Requests);
    }

    [Fact]
    public async Task A_window_of_which_nothing_is_committed_is_not_found()
    {
        Commit(["a"], expected: ["a"]);

        Assert.Equal(StatusCode.NotFound, (await Fails(Start + 10)).StatusCode);
    }

    [Fact]
    public async Task What_is_below_the_horizon_or_was_refused_is_named_where_nothing_is_found()
    {
        _gateway.Model.Horizon = Start + 10;
        Refuse("c", Fate.Late, 7);

        Assert.Equal(
            "nothing is committed of the window that starts at 1700000010; 1 parts of it were refused; windows before 2023-11-14T22:13:40Z are not kept",
            (await Fails(Start)).Status.Detail);
    }

    [Fact]
    public async Task A_gateway_that_is_down_is_unavailable_with_its_error()
    {
        _gateway.IsDown = true;

        var error = await Fails(Start);

        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        Assert.Equal("the gateway: down", error.Status.Detail);
    }

    [Theory]
    [InlineData("", Start, 0)]
    [InlineData("m", 0, 0)]
    [InlineData("m", -5, 0)]
    [InlineData("m", long.MaxValue, 0)]
    [InlineData("m", Start, 9)]
    public async Task A_question_that_names_no_window_is_refused_before_the_gateway_is_asked(string model, long at, int level)
    {
        _gateway.IsDown = true;
        var request = new ExplainWindowRequest { Series = new SeriesKey { Model = model }, At = at, Level = (WindowLevel)level };

        Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => WindowExplanation.Ask(_gateway, request, "agg-1"))).StatusCode);
    }

    [Theory]
    [InlineData(WindowLevel._10S, 1_700_000_019, 1_700_000_010)]
    [InlineData(WindowLevel._1M, 1_700_000_019, 1_699_999_980)]
    [InlineData(WindowLevel._1H, 1_700_000_019, 1_699_999_200)]
    public void A_window_starts_at_a_multiple_of_its_length(WindowLevel level, long at, long start) =>
        Assert.Equal(start, WindowExplanation.KeyOf(new ExplainWindowRequest { Series = Wire.Series, Level = level, At = at }).Start);

    private Task<ExplainWindowReply> Ask(long at) =>
        WindowExplanation.Ask(_gateway, new ExplainWindowRequest { Series = Wire.Series, At = at }, "agg-1");

    private Task<RpcException> Fails(long at) => Assert.ThrowsAsync<RpcException>(() => Ask(at));

    private void Commit(string[] nodes, string[] expected)
    {
        var merged = Wire.Totals(0);
        foreach (var _ in nodes)
        {
            merged.Merge(Wire.Totals(3));
        }

        _gateway.Model.Commit(new CommitRequest
        {
            Key = new WindowKey { Series = Wire.Series, Start = Start },
            Added = { nodes.Select(n => Part(n, 3)) },
            Totals = TotalsMapper.ToWire(merged),
            ExpectedHosts = { expected },
            LogId = _gateway.Model.LogId,
        });
    }

    private void Refuse(string node, Fate fate, ulong requests) => _gateway.Model.Refuse(new RefusePartRequest
    {
        Key = new WindowKey { Series = Wire.Series, Start = Start },
        Part = Part(node, requests),
        Fate = fate,
    });

    private static Contributor Part(string node, ulong requests) =>
        new() { Record = new RecordKey(node, Wire.Instance(node), 1).ToWire(), Requests = requests };
}
