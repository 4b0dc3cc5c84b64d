using System.Text;

namespace FleetVibe.Fuzz;

/// <summary>Makes damaged inputs of a target's good ones. The same seed and number give the same bytes, on any machine.</summary>
internal sealed class Mutator(ulong seed, FuzzTarget target)
{
    private const int MaxDamages = 6;
    private const int MaxBytes = 32 * 1024;

    private readonly byte[][] _parts = [.. target.Parts.Select(Encoding.UTF8.GetBytes)];
    private readonly byte[][] _tokens = [.. target.Tokens.Select(Encoding.UTF8.GetBytes), [0], [0xff], [0xc3], [0xe2, 0x80], "\n"u8.ToArray(), "\r\n"u8.ToArray(), "\ufeff"u8.ToArray()];
    private readonly List<byte> _bytes = [];

    public byte[] Make(long number)
    {
        var random = new SplitMix(unchecked(seed * 0x2545f4914f6cdd1d + (ulong)number));
        _bytes.Clear();
        for (var parts = random.Next(target.MaxParts); parts >= 0; parts--)
        {
            _bytes.AddRange(_parts[random.Next(_parts.Length)]);
        }

        for (var damages = random.Next(MaxDamages); damages > 0; damages--)
        {
            Damage(ref random);
        }

        return [.. _bytes.Take(MaxBytes)];
    }

    private void Damage(ref SplitMix random)
    {
        var at = random.Next(_bytes.Count + 1);
        var length = Math.Min(_bytes.Count - at, 1 + random.Next(random.Next(8) == 0 ? 200 : 8));
        switch (random.Next(9))
        {
            case 0 when length > 0:
                _bytes[at] = (byte)random.Next(256);
                break;
            case 1 when length > 0:
                _bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 2:
                _bytes.RemoveRange(at, length);
                break;
            case 3:
                _bytes.InsertRange(at, _bytes.GetRange(at, length));
                break;
            case 4 when random.Next(4) == 0:
                _bytes.RemoveRange(at, _bytes.Count - at);
                break;
            case 5 when random.Next(16) == 0:
                Repeat(at, _tokens[random.Next(_tokens.Length)], 1 + random.Next(2000));
                break;
            case 6 when length > 0:
                // Something from elsewhere in the input, as a splice does.
                var from = random.Next(_bytes.Count);
                _bytes.InsertRange(at, _bytes.GetRange(from, Math.Min(length, _bytes.Count - from)));
                break;
            default:
                _bytes.InsertRange(at, _tokens[random.Next(_tokens.Length)]);
                break;
        }
    }

    private void Repeat(int at, byte[] token, int times)
    {
        for (; times > 0 && _bytes.Count < MaxBytes; times--)
        {
            _bytes.InsertRange(at, token);
        }
    }
}
