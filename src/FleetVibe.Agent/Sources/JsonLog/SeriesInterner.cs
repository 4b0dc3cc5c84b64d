using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>
/// Turns the names of a line into a series without allocating for names seen before. What the configuration names stands
/// above the line. Not thread safe.
/// </summary>
internal sealed class SeriesInterner(string? model, string? task, string? variant)
{
    private const string DefaultTask = "default";
    private const int MaxNames = 1024;
    private const int MaxNameLength = 256;

    private readonly Dictionary<byte[], SeriesId> _known = new(BytesComparer.Instance);
    private readonly SeriesId? _configured = model is null || task is null || variant is null ? null : new SeriesId(model, task, variant);
    private byte[] _key = new byte[128];

    /// <summary>Null where neither the configuration nor the line names a model.</summary>
    /// <param name="lineModel">Unescaped UTF-8; empty where the line has none. The others alike.</param>
    public SeriesId? Find(ReadOnlySpan<byte> lineModel, ReadOnlySpan<byte> lineTask, ReadOnlySpan<byte> lineVariant)
    {
        if (_configured is not null)
        {
            return _configured;
        }

        var length = 0;
        Append(lineModel, ref length);
        Append(lineTask, ref length);
        Append(lineVariant, ref length);
        var lookup = _known.GetAlternateLookup<ReadOnlySpan<byte>>();
        if (lookup.TryGetValue(_key.AsSpan(0, length), out var series))
        {
            return series;
        }

        var modelName = model ?? Clean(lineModel);
        if (modelName.Length == 0)
        {
            return null;
        }

        var taskName = task ?? Clean(lineTask);
        series = new SeriesId(modelName, taskName.Length == 0 ? DefaultTask : taskName, variant ?? Clean(lineVariant));

        // A log that names something new on every line must not fill the memory.
        if (_known.Count >= MaxNames)
        {
            _known.Clear();
        }

        lookup[_key.AsSpan(0, length)] = series;
        return series;
    }

    /// <summary>Names become tags: no control character or line break may get through, and no endless name.</summary>
    internal static string Clean(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty)
        {
            return "";
        }

        var text = Encoding.UTF8.GetString(utf8);
        var clean = string.Create(text.Length, text, static (target, source) =>
        {
            for (var i = 0; i < target.Length; i++)
            {
                target[i] = char.IsControl(source[i]) || source[i] is '\u2028' or '\u2029' ? ' ' : source[i];
            }
        }).Trim();
        return clean.Length <= MaxNameLength ? clean : clean[..MaxNameLength].TrimEnd();
    }

    private void Append(ReadOnlySpan<byte> part, ref int length)
    {
        var end = length + sizeof(int) + part.Length;
        if (end > _key.Length)
        {
            Array.Resize(ref _key, end * 2);
        }

        BinaryPrimitives.WriteInt32LittleEndian(_key.AsSpan(length), part.Length);
        part.CopyTo(_key.AsSpan(length + sizeof(int)));
        length = end;
    }

    private sealed class BytesComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static BytesComparer Instance { get; } = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode([DisallowNull] byte[] obj) => GetHashCode(obj.AsSpan());

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
