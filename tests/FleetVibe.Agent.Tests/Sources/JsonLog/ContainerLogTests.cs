using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

public sealed class ContainerLogTests : IDisposable
{
    private readonly LogFolder _log = new();

    public void Dispose() => _log.Dispose();

    [Fact]
    public void A_line_whose_rest_does_not_come_for_16_MiB_is_given_up_and_counted_once()
    {
        _log.Write("2025-11-24T06:00:00Z stdout P {\"never\n");
        var other = $"2025-11-24T06:00:01Z stderr F {new string('x', 500_000)}\n";
        for (var i = 0; i < 40; i++)
        {
            _log.Write(other);
        }

        _log.Write($"2025-11-24T06:00:02Z stdout F {LogFolder.Line(7)}\n");
        using var tailer = new LogTailer(_log.Settings with { Envelope = LogEnvelope.Cri }, TimeProvider.System, null, atEnd: false);
        var batches = new List<LogBatch>();
        do
        {
            batches.Add(tailer.Poll());
        }
        while (batches[^1].IsFull);

        Assert.Equal(1, batches.Sum(batch => batch.Skipped[SkipReason.Unfinished]));
        Assert.Equal([7], batches.SelectMany(batch => batch.Requests).Select(request => request.InputTokens));
    }
}
