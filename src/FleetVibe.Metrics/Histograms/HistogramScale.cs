using System.Numerics;

namespace FleetVibe.Metrics.Histograms;

/// <summary>
/// The fixed scale 6 of the OpenTelemetry exponential histogram (Prometheus native histogram schema 6):
/// bucket i holds (2^(i/64), 2^((i+1)/64)]. The geometric midpoint is at most 0.55 % from any value of its bucket.
/// </summary>
public static class HistogramScale
{
    /// <summary>Buckets per power of two.</summary>
    public const int BucketsPerOctave = 64;

    /// <summary>Smallest value with a bucket of its own; smaller positive values are moved up to it and counted.</summary>
    public const double MinValue = 1e-6;

    /// <summary>Largest value with a bucket of its own; larger ones are moved down to it and counted.</summary>
    public const double MaxValue = 1e7;

    private const int MantissaBits = 52;
    private const int SlotBits = 8;
    private const long MantissaMask = (1L << MantissaBits) - 1;

    // UpperMantissa[j] = mantissa of the largest double <= 2^((j+1)/64), exact by integer roots, so the same on every machine.
    private static readonly long[] UpperMantissa = CreateUpperMantissas();

    // First bucket of the octave that can hold a value whose top 8 mantissa bits are the index.
    private static readonly byte[] FirstBucketOfSlot = CreateSlots();

    /// <summary>Index of the lowest bucket, that of <see cref="MinValue"/>.</summary>
    public static readonly int MinIndex = IndexOf(MinValue);

    /// <summary>Index of the highest bucket, that of <see cref="MaxValue"/>.</summary>
    public static readonly int MaxIndex = IndexOf(MaxValue);

    /// <summary>Bucket of a finite value in [<see cref="MinValue"/>, <see cref="MaxValue"/>]: a table look-up on its bits.</summary>
    public static int IndexOf(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var octave = (int)(bits >> MantissaBits) - 1023;
        var mantissa = bits & MantissaMask;
        if (mantissa == 0)
        {
            return octave * BucketsPerOctave - 1;
        }

        int bucket = FirstBucketOfSlot[mantissa >> (MantissaBits - SlotBits)];
        if (mantissa > UpperMantissa[bucket])
        {
            bucket++;
        }

        return octave * BucketsPerOctave + bucket;
    }

    /// <summary>Exclusive lower edge of a bucket: the double next to 2^(index/64).</summary>
    public static double LowerEdge(int index) => UpperEdge(index - 1);

    /// <summary>Inclusive upper edge of a bucket: the largest double that <see cref="IndexOf"/> puts into it.</summary>
    public static double UpperEdge(int index)
    {
        var octave = index >> 6;
        var bucket = index & (BucketsPerOctave - 1);
        return bucket == BucketsPerOctave - 1
            ? Math.ScaleB(1.0, octave + 1)
            : BitConverter.Int64BitsToDouble(((long)(octave + 1023) << MantissaBits) | UpperMantissa[bucket]);
    }

    /// <summary>Geometric midpoint of a bucket.</summary>
    public static double Midpoint(int index) => Math.Sqrt(LowerEdge(index) * UpperEdge(index));

    private static long[] CreateUpperMantissas()
    {
        var mantissas = new long[BucketsPerOctave];
        for (var j = 0; j < BucketsPerOctave - 1; j++)
        {
            // Largest x with (x / 2^52)^64 <= 2^(j+1).
            var bound = BigInteger.One << (MantissaBits * BucketsPerOctave + j + 1);
            long low = 1L << MantissaBits, high = 1L << (MantissaBits + 1);
            while (high - low > 1)
            {
                var middle = low + (high - low) / 2;
                if (BigInteger.Pow(middle, BucketsPerOctave) <= bound)
                {
                    low = middle;
                }
                else
                {
                    high = middle;
                }
            }

            mantissas[j] = low & MantissaMask;
        }

        mantissas[BucketsPerOctave - 1] = MantissaMask;
        return mantissas;
    }

    private static byte[] CreateSlots()
    {
        var slots = new byte[1 << SlotBits];
        for (var slot = 0; slot < slots.Length; slot++)
        {
            var smallest = (long)slot << (MantissaBits - SlotBits);
            var bucket = 0;
            while (UpperMantissa[bucket] < smallest)
            {
                bucket++;
            }

            slots[slot] = (byte)bucket;
        }

        return slots;
    }
}
