using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Aggregator.Tests.Doubles;

/// <summary>Virtual time whose wall clock may be set back; what measures spans goes on.</summary>
public sealed class SetClock(DateTimeOffset start) : FakeTimeProvider(start)
{
    private TimeSpan _behind;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() - _behind;

    public override long GetTimestamp() => base.GetUtcNow().UtcTicks;

    public void SetBack(TimeSpan by) => _behind += by;
}
