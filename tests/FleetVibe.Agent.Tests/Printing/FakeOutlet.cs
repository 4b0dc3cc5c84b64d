using System.Text;
using System.Threading.Channels;
using FleetVibe.Agent.Printing;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Agent.Tests.Printing;

/// <summary>A reader that takes a write only when a test lets it.</summary>
internal sealed class FakeOutlet : IPointOutlet
{
    private readonly Channel<(string Lines, TaskCompletionSource Done)> _writes = Channel.CreateUnbounded<(string, TaskCompletionSource)>();

    public Task WriteAsync(ReadOnlyMemory<byte> lines)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _writes.Writer.TryWrite((Encoding.UTF8.GetString(lines.Span), done));
        return done.Task;
    }

    internal bool HasWrites => _writes.Reader.TryPeek(out _);

    /// <summary>The next write, which is not taken yet.</summary>
    internal async Task<(IReadOnlyList<ParsedPoint> Points, TaskCompletionSource Done)> NextAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var (lines, done) = await _writes.Reader.ReadAsync(limit.Token);
        var read = LineProtocolReader.Read(Encoding.UTF8.GetBytes(lines));
        Assert.Empty(read.Errors);
        return (read.Points, done);
    }

    internal async Task<IReadOnlyList<ParsedPoint>> TakeAsync()
    {
        var (points, done) = await NextAsync();
        done.SetResult();
        return points;
    }
}

internal static class PrintedPoints
{
    /// <summary>Null where the point has no such field.</summary>
    internal static FieldValue? Get(this ParsedPoint point, string field) =>
        point.Fields.Where(candidate => candidate.Key == field).Select(candidate => (FieldValue?)candidate.Value).SingleOrDefault();

    internal static IEnumerable<ParsedPoint> Models(this IEnumerable<ParsedPoint> points) => points.Where(point => point.Measurement == "vibe_model");
}
