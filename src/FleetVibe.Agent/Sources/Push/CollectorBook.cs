using System.Collections.Immutable;
using FleetVibe.Agent.Spool.V1;
using Google.Protobuf;

namespace FleetVibe.Agent.Sources.Push;

/// <summary>How far one collector was counted.</summary>
/// <param name="Epoch">Made when it registered; its sequences mean nothing under another.</param>
/// <param name="Last">Sequence of the last batch that was counted; 0 for none.</param>
/// <param name="Seen">When it was last heard.</param>
internal sealed record CollectorEntry(string Epoch, ulong Last, DateTimeOffset Seen);

/// <summary>What a sequence is to a collector.</summary>
internal enum SequenceVerdict
{
    Next,

    /// <summary>It was counted already.</summary>
    Duplicate,

    /// <summary>Those before it are missing.</summary>
    Gap,
}

/// <summary>Which collectors there are and how far each was counted: the checkpoint of a push source. Immutable.</summary>
internal sealed record CollectorBook
{
    internal const int MaxCollectors = 1_000;

    /// <summary>How long a place is kept for a collector that is not heard, once all places are taken.</summary>
    internal static readonly TimeSpan KeptFor = TimeSpan.FromDays(30);

    public static CollectorBook Empty { get; } = new();

    public ImmutableSortedDictionary<string, CollectorEntry> Collectors { get; private init; } =
        ImmutableSortedDictionary.Create<string, CollectorEntry>(StringComparer.Ordinal);

    /// <summary>The book out of a checkpoint; an empty one where there is none or it cannot be read, so that epochs begin anew.</summary>
    public static CollectorBook Load(byte[]? checkpoint)
    {
        try
        {
            var stored = CollectorCheckpoint.Parser.ParseFrom(checkpoint ?? []);
            return new CollectorBook
            {
                Collectors = Empty.Collectors.AddRange(stored.Collectors.Select(position => KeyValuePair.Create(
                    position.Name, new CollectorEntry(position.Epoch, position.LastSequence, DateTimeOffset.FromUnixTimeMilliseconds(position.Seen))))),
            };
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or ArgumentException)
        {
            return Empty;
        }
    }

    public byte[] ToCheckpoint()
    {
        var stored = new CollectorCheckpoint();
        stored.Collectors.Add(Collectors.Select(collector => new CollectorPosition
        {
            Name = collector.Key, Epoch = collector.Value.Epoch, LastSequence = collector.Value.Last, Seen = collector.Value.Seen.ToUnixTimeMilliseconds(),
        }));
        return stored.ToByteArray();
    }

    /// <summary>A name that a collector may have: 1 to 64 of A-Z a-z 0-9 . _ -</summary>
    public static bool IsName(string name) =>
        name.Length is >= 1 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>With the collector in it; null where there is no place for a new one.</summary>
    /// <param name="newEpoch">For one that is not known.</param>
    public CollectorBook? Register(string name, string newEpoch, DateTimeOffset now)
    {
        if (Collectors.ContainsKey(name))
        {
            return this;
        }

        var kept = Collectors;
        if (kept.Count >= MaxCollectors)
        {
            kept = kept.RemoveRange(kept.Where(collector => now - collector.Value.Seen > KeptFor).Select(collector => collector.Key));
        }

        return kept.Count >= MaxCollectors ? null : this with { Collectors = kept.Add(name, new CollectorEntry(newEpoch, 0, now)) };
    }

    public SequenceVerdict Judge(string name, ulong sequence)
    {
        var last = Collectors[name].Last;
        return sequence <= last ? SequenceVerdict.Duplicate : sequence == last + 1 ? SequenceVerdict.Next : SequenceVerdict.Gap;
    }

    /// <summary>Once a batch that is <see cref="SequenceVerdict.Next"/> was counted.</summary>
    public CollectorBook Advance(string name, ulong sequence, DateTimeOffset now) =>
        this with { Collectors = Collectors.SetItem(name, Collectors[name] with { Last = sequence, Seen = now }) };

    /// <summary>Whether all that was counted of the collector is in the stored book too.</summary>
    public bool IsStoredIn(CollectorBook stored, string name) =>
        stored.Collectors.TryGetValue(name, out var entry) && (entry.Epoch, entry.Last) == (Collectors[name].Epoch, Collectors[name].Last);
}
