namespace FleetVibe.Cluster.Tests.Infrastructure;

/// <summary>The clock of members, agents and store: the machine's, moved on where a test need not wait. Timers run on real time.</summary>
internal sealed class ShiftedClock : TimeProvider
{
    private long _shift;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + new TimeSpan(Volatile.Read(ref _shift));

    public void MoveOn(TimeSpan span) => Interlocked.Add(ref _shift, span.Ticks);
}
