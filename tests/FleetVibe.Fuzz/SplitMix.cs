namespace FleetVibe.Fuzz;

/// <summary>SplitMix64: a generator that costs nothing to start, so that every input has its own and can be made again by its number.</summary>
internal struct SplitMix(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        unchecked
        {
            var z = _state += 0x9e3779b97f4a7c15;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            return z ^ (z >> 31);
        }
    }

    /// <summary>0 to <paramref name="below"/> - 1; 0 where that is nothing.</summary>
    public int Next(int below) => below <= 1 ? 0 : (int)(Next() % (uint)below);
}
