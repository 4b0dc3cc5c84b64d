using System.Text;

namespace FleetVibe.Metrics.Exposition;

/// <summary>
/// The metric families that an adapter asks for, each with a number to switch on. Names are matched as the servers vary
/// them: <c>:</c> and <c>_</c> are the same, an outer <c>ray_</c> and a final <c>_total</c> do not count. A name asked for
/// as it stands wins over one that it could be a part of: with <c>x</c> and <c>x_count</c> asked for, <c>x_count</c> is a value.
/// Built once, immutable.
/// </summary>
public sealed class FamilyFilter
{
    /// <summary>Number of a family that was not asked for.</summary>
    public const int Unknown = -1;

    private readonly Entry[] _table;
    private readonly uint _mask;

    /// <summary>The number of a family is its place in the list.</summary>
    /// <exception cref="ArgumentException">Two names mean the same family, or one is empty.</exception>
    public FamilyFilter(params IEnumerable<string> names)
        : this(names.Select(KeyValuePair.Create))
    {
    }

    /// <summary>The numbers are the caller's, zero or above; several names may share one.</summary>
    /// <exception cref="ArgumentException">One family has two numbers, a number is negative, or a name is empty.</exception>
    public FamilyFilter(IEnumerable<KeyValuePair<string, int>> families)
    {
        var all = families.ToList();
        var size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, all.Count * 4));
        _table = new Entry[size];
        _mask = (uint)size - 1;
        foreach (var (name, id) in all)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(families));
            Add(name, id);
        }
    }

    /// <summary>Family and part of a sample name in UTF-8; <see cref="Unknown"/> where it was not asked for.</summary>
    public int Find(ReadOnlySpan<byte> sampleName, out SamplePart part)
    {
        part = SamplePart.Value;
        var id = FindFamily(sampleName);
        if (id != Unknown)
        {
            return id;
        }

        (part, var suffix) = sampleName switch
        {
            _ when sampleName.EndsWith("_bucket"u8) => (SamplePart.Bucket, 7),
            _ when sampleName.EndsWith("_count"u8) => (SamplePart.Count, 6),
            _ when sampleName.EndsWith("_sum"u8) => (SamplePart.Sum, 4),
            _ when sampleName.EndsWith("_created"u8) => (SamplePart.Created, 8),
            _ => (SamplePart.Value, 0),
        };
        return suffix == 0 ? Unknown : FindFamily(sampleName[..^suffix]);
    }

    private void Add(string name, int id)
    {
        var bytes = Stem(Encoding.UTF8.GetBytes(name)).ToArray();
        if (bytes.Length == 0)
        {
            throw new ArgumentException($"'{name}' names no metric family", nameof(name));
        }

        bytes.AsSpan().Replace((byte)':', (byte)'_');
        var slot = Hash(bytes) & _mask;
        while (_table[slot].Stem is { } taken)
        {
            if (taken.AsSpan().SequenceEqual(bytes))
            {
                if (_table[slot].Id != id)
                {
                    throw new ArgumentException($"'{name}' is asked for twice", nameof(name));
                }

                return;
            }

            slot = (slot + 1) & _mask;
        }

        _table[slot] = new Entry(bytes, id);
    }

    private int FindFamily(ReadOnlySpan<byte> family)
    {
        var stem = Stem(family);
        var slot = Hash(stem) & _mask;
        while (_table[slot].Stem is { } candidate)
        {
            if (IsSame(candidate, stem))
            {
                return _table[slot].Id;
            }

            slot = (slot + 1) & _mask;
        }

        return Unknown;
    }

    private static ReadOnlySpan<byte> Stem(ReadOnlySpan<byte> name)
    {
        if (name.StartsWith("ray_"u8))
        {
            name = name[4..];
        }

        return name.EndsWith("_total"u8) ? name[..^6] : name;
    }

    private static bool IsSame(ReadOnlySpan<byte> stem, ReadOnlySpan<byte> raw)
    {
        if (stem.Length != raw.Length)
        {
            return false;
        }

        for (var i = 0; i < raw.Length; i++)
        {
            if (stem[i] != Fold(raw[i]))
            {
                return false;
            }
        }

        return true;
    }

    // FNV-1a; the table is built from the adapter's own names, so nobody can aim at it.
    private static uint Hash(ReadOnlySpan<byte> name)
    {
        var hash = 2166136261;
        foreach (var b in name)
        {
            hash = unchecked((hash ^ Fold(b)) * 16777619);
        }

        return hash;
    }

    private static byte Fold(byte b) => b == ':' ? (byte)'_' : b;

    private readonly record struct Entry(byte[]? Stem, int Id);
}
