using FleetVibe.Gateway.Delivery;

namespace FleetVibe.Gateway.Tests.Delivery;

public sealed class DeliveryReactionTests
{
    private const string Named =
        """{"code":"invalid","err":"x","message":"metric parse error: expected field at 2:28: \"cpu,host=b value1=1,value2=+Inf\"","op":""}""";

    private static readonly string[] Lines = ["cpu,host=a value=1 1", "cpu,host=b value1=1,value2=+Inf 1", "cpu,host=c value=1 1"];

    public static TheoryData<TelegrafDialect, int, string, string> Table => new()
    {
        { TelegrafDialect.InfluxDbV2, 204, "", "Delivered" },
        { TelegrafDialect.InfluxDbV1, 204, "", "Delivered" },
        { TelegrafDialect.HttpListenerV2, 204, "", "Delivered" },
        { TelegrafDialect.HttpListenerV2, 202, "", "Delivered" },
        { TelegrafDialect.InfluxDbV2, 200, "<html>a web page</html>", "PauseForConfiguration" },
        { TelegrafDialect.InfluxDbV2, 301, "", "PauseForConfiguration" },
        { TelegrafDialect.InfluxDbV2, 307, "", "PauseForConfiguration" },
        { TelegrafDialect.InfluxDbV2, 400, Named, "QuarantineLine 2" },
        { TelegrafDialect.InfluxDbV1, 400, """{"error":"metric parse error: expected field at 2:28: \"cpu,host=b value1=1,\x01\" (and 2 other parse errors)"}""", "QuarantineLine 2" },
        { TelegrafDialect.InfluxDbV2, 400, """{"code":"invalid","message":"metric parse error: expected field at 9:28: \"cpu\""}""", "Bisect" },
        { TelegrafDialect.InfluxDbV2, 400, """{"code":"invalid","message":"metric parse error: expected field at 1:28: \"cpu,host=b value1=1\""}""", "Bisect" },
        { TelegrafDialect.InfluxDbV2, 400, """{"code":"invalid","message":"unable to parse 'cpu value='"}""", "Bisect" },
        { TelegrafDialect.InfluxDbV2, 400, """{"code":"internal error","err":"http: request body too large","message":"http: request body too large","op":""}""", "SplitBytes" },
        { TelegrafDialect.InfluxDbV2, 400, """{"code":"internal error","message":"unexpected EOF"}""", "RetryOnNewConnection" },
        { TelegrafDialect.InfluxDbV2, 400, """{"code":"invalid","message":"gzip: invalid header"}""", "SendUncompressed" },
        { TelegrafDialect.HttpListenerV2, 400, """{"error":"http: bad request"}""", "Bisect" },
        { TelegrafDialect.InfluxDbV1, 400, """{"error":"partial write: field type conflict: input field \"response_time_ms\" on measurement \"vibe_model\" is type float, already exists as type integer dropped=1"}""", "Bisect vibe_model.response_time_ms" },
        { TelegrafDialect.InfluxDbV1, 400, """{"error":"partial write: points beyond retention policy dropped=2"}""", "Bisect" },
        { TelegrafDialect.InfluxDbV2, 422, """{"code":"unprocessable entity","message":"failure writing points"}""", "Bisect" },
        { TelegrafDialect.InfluxDbV2, 401, "Unauthorized\n", "PauseForAuthorization" },
        { TelegrafDialect.InfluxDbV1, 403, "", "PauseForAuthorization" },
        { TelegrafDialect.InfluxDbV2, 404, "404 page not found\n", "PauseForConfiguration" },
        { TelegrafDialect.InfluxDbV1, 404, """{"error":"database not found: \"fleet\""}""", "CreateDatabase" },
        { TelegrafDialect.InfluxDbV2, 404, """{"error":"database not found: \"fleet\""}""", "PauseForConfiguration" },
        { TelegrafDialect.HttpListenerV2, 405, """{"error":"http: method not allowed"}""", "PauseForConfiguration" },
        { TelegrafDialect.HttpListenerV2, 410, "", "RetryOnNewConnection" },
        { TelegrafDialect.InfluxDbV2, 413, """{"code":"invalid","maxLength":"33554432","message":"http: request body too large"}""", "SplitBytes" },
        { TelegrafDialect.InfluxDbV2, 413, "", "SplitPoints" },
        { TelegrafDialect.InfluxDbV2, 429, "", "BackOffAndShrink" },
        { TelegrafDialect.InfluxDbV2, 500, "", "RetryOnNewConnection" },
        { TelegrafDialect.InfluxDbV1, 500, """{"error":"timeout"}""", "RetryOnNewConnection?" },
        { TelegrafDialect.InfluxDbV2, 502, "", "RetryOnNewConnection?" },
        { TelegrafDialect.InfluxDbV2, 503, "", "RetryOnNewConnection" },
        { TelegrafDialect.InfluxDbV2, 504, "", "RetryOnNewConnection?" },
    };

    /// <summary>A question mark: the lines may still arrive, so their points wait.</summary>
    [Theory]
    [MemberData(nameof(Table))]
    public void Every_answer_has_its_reaction(TelegrafDialect dialect, int status, string body, string expected)
    {
        var reaction = DeliveryReaction.To(new DeliveryAnswer.Response(status, body), dialect, Lines);
        var text = reaction.Kind
            + (reaction.Line > 0 ? $" {reaction.Line}" : "")
            + (reaction.ConflictingField is null ? "" : " " + reaction.ConflictingField)
            + (reaction.MayStillArrive ? "?" : "");
        Assert.Equal(expected, text);
    }

    [Fact]
    public void Lines_that_left_without_an_answer_may_arrive_and_lines_that_did_not_leave_cannot()
    {
        Assert.True(DeliveryReaction.To(new DeliveryAnswer.NoAnswer("reset"), TelegrafDialect.InfluxDbV2, Lines).MayStillArrive);
        Assert.False(DeliveryReaction.To(new DeliveryAnswer.NotSent("refused"), TelegrafDialect.InfluxDbV2, Lines).MayStillArrive);
        Assert.Equal(
            ReactionKind.PauseForAuthorization, DeliveryReaction.To(new DeliveryAnswer.NoCredential("no file"), TelegrafDialect.InfluxDbV2, Lines).Kind);
    }

    [Fact]
    public void Waits_grow_from_half_a_second_to_thirty_seconds()
    {
        var pace = DeliveryPace.Of(new TelegrafSettings { Url = new Uri("http://127.0.0.1") });
        var waits = new List<(double Least, double Most)>();
        for (var i = 0; i < 8; i++)
        {
            pace = pace.OnFailure();
            waits.Add((pace.Wait(0).TotalSeconds, pace.Wait(1).TotalSeconds));
        }

        Assert.Equal([(0.5, 1), (1, 2), (2, 4), (4, 8), (8, 16), (16, 30), (30, 30), (30, 30)], waits);
        Assert.Equal(0.5, pace.OnDelivered().OnFailure().Wait(0).TotalSeconds);
        Assert.Equal(45, pace.Wait(0, TimeSpan.FromSeconds(45)).TotalSeconds);
        Assert.Equal(60, pace.Wait(0, TimeSpan.FromHours(1)).TotalSeconds);
    }

    [Fact]
    public void A_busy_receiver_gets_less_for_a_while_and_a_limited_one_until_it_took_a_hundred()
    {
        var pace = DeliveryPace.Of(new TelegrafSettings { Url = new Uri("http://127.0.0.1"), BatchLines = 100 });
        var busy = pace.OnBusy(100).OnBusy(50);
        Assert.Equal(25, busy.Limits.Lines);
        Assert.Equal(100, busy.OnDelivered().OnDelivered().OnDelivered().Limits.Lines);

        Assert.Equal(50, pace.OnTooManyPoints(100).OnDelivered().OnDelivered().Limits.Lines);
        Assert.Equal(1000, pace.OnTooManyBytes(2000).OnDelivered().Limits.Bytes);
        Assert.Equal(1, pace.OnTooManyPoints(1).Limits.Lines);

        var limited = pace.OnTooManyPoints(100).OnTooManyBytes(1000);
        Assert.Equal(new BatchLimits(50, 500), Deliver(99, limited).Limits);
        Assert.Equal(new BatchLimits(100, 1000), Deliver(100, limited).Limits);
        Assert.Equal(new BatchLimits(25, 500), Deliver(99, Deliver(99, limited).OnTooManyPoints(50)).Limits);
        Assert.Equal(pace.Limits, Deliver(2000, limited).Limits);

        static DeliveryPace Deliver(int times, DeliveryPace pace) => times == 0 ? pace : Deliver(times - 1, pace.OnDelivered());
    }
}
