namespace FleetVibe.Agent.Uplink;

/// <summary>When and to whom the next attempt goes: exponential from 0.5 s to 15 s, jittered, one address after the other.</summary>
/// <param name="addresses">How many there are.</param>
/// <param name="seed">Differs between nodes, so that they do not come back all at once.</param>
internal sealed class ReconnectSchedule(int addresses, int seed)
{
    internal static readonly TimeSpan First = TimeSpan.FromSeconds(0.5);
    internal static readonly TimeSpan Last = TimeSpan.FromSeconds(15);

    private readonly Random _random = new(seed);
    private int _failures;

    /// <summary>Index of the address to try.</summary>
    internal int Address { get; private set; } = (int)((uint)seed % (uint)addresses);

    /// <summary>After a failure: turns to the next address.</summary>
    internal TimeSpan AfterFailure()
    {
        Turn();
        var ceiling = Math.Min(Last.TotalSeconds, First.TotalSeconds * Math.Pow(2, Math.Min(_failures++, 16)));
        return TimeSpan.FromSeconds(ceiling * (0.5 + (0.5 * _random.NextDouble())));
    }

    /// <summary>After a refusal that only time can end.</summary>
    internal TimeSpan AfterRefusal()
    {
        Turn();
        return Last * (0.75 + (0.25 * _random.NextDouble()));
    }

    /// <summary>When the member asked us to leave.</summary>
    internal TimeSpan AfterMove()
    {
        Turn();
        return First * _random.NextDouble();
    }

    internal void Connected() => _failures = 0;

    private void Turn() => Address = (Address + 1) % addresses;
}
