using System.Buffers.Binary;
using System.Text;
using FleetVibe.Agent.Sources.JsonLog;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>Why a request that was forwarded was not measured, or not in full. Each is counted; none is silent.</summary>
internal enum Unmeasured
{
    /// <summary>Neither the configuration nor request or answer names a model: not counted as a request.</summary>
    ModelMissing,

    /// <summary>The accumulator took nothing for so long that no more can wait: not counted as a request.</summary>
    QueueFull,

    /// <summary>Measuring failed; counted as a request where its model was known by then.</summary>
    Faulted,

    /// <summary>A failed accumulator had not stored it, and its place was needed before it could be reported once more: not counted as a request.</summary>
    Lost,

    /// <summary>The answer could not be read (compressed, or of an unknown type): counted, without tokens and time to first token.</summary>
    Unreadable,
}

/// <summary>One request that has passed.</summary>
/// <param name="Model">Null where request and answer name none.</param>
/// <param name="Variant">Of the header; empty where there is none.</param>
/// <param name="ContentSpan">Time from the first to the last piece with content; null where nothing was streamed.</param>
/// <param name="ContentGaps">Number of gaps between tokens in that time.</param>
internal readonly record struct MeasuredRequest(
    string? Model,
    string Variant,
    DateTimeOffset CompletedAt,
    TimeSpan Duration,
    TimeSpan? Ttft,
    TimeSpan? ContentSpan,
    long ContentGaps,
    long InputTokens,
    long OutputTokens,
    RequestOutcome Outcome);

/// <summary>What waits in a <see cref="MeasuredQueue"/> to be reported.</summary>
/// <param name="Checkpoint">How far it goes; null where it holds no request.</param>
/// <param name="Unmeasured">Requests since the last batch that were not measured, by reason.</param>
internal sealed record MeasuredBatch(
    IReadOnlyList<RequestObservation> Requests, byte[]? Checkpoint, IReadOnlyDictionary<Unmeasured, long> Unmeasured, IReadOnlyDictionary<SeriesId, double> InterTokenMs);

/// <summary>
/// Bounded hand-over from the requests of a proxy to its source. What was reported stays until its place is needed, so
/// that what a failed accumulator had not yet stored is reported once more. Thread safe; it never blocks for long and
/// never refuses a request.
/// </summary>
internal sealed class MeasuredQueue
{
    private const int InstanceBytes = 16;

    private readonly Lock _lock = new();
    private readonly byte[] _instance;
    private readonly RequestObservation[] _ring;
    private readonly SeriesInterner _series;
    private readonly long[] _unmeasured = new long[Enum.GetValues<Unmeasured>().Length];
    private readonly Dictionary<SeriesId, (TimeSpan Span, long Gaps)> _gaps = [];

    // Sequences: kept are [_first, _next), reported are those below _reported.
    private long _first;
    private long _reported;
    private long _next;

    // Of those below, the ones that were lost are counted.
    private long _lostBelow;

    /// <param name="instance">Tells this queue from those of earlier processes.</param>
    public MeasuredQueue(ProxySourceSettings settings, Guid instance)
    {
        _instance = instance.ToByteArray();
        _ring = new RequestObservation[settings.QueueCapacity];
        _series = new SeriesInterner(settings.Model, settings.Task, settings.Variant);
    }

    public void Add(in MeasuredRequest request)
    {
        lock (_lock)
        {
            if (_series.Find(Utf8(request.Model), default, Utf8(request.Variant)) is not { } series)
            {
                _unmeasured[(int)Unmeasured.ModelMissing]++;
                return;
            }

            if (_next - _reported == _ring.Length)
            {
                _unmeasured[(int)Unmeasured.QueueFull]++;
                return;
            }

            _first = Math.Max(_first, _next + 1 - _ring.Length);
            _ring[_next++ % _ring.Length] = new RequestObservation(
                series, request.CompletedAt, request.Duration.TotalSeconds, request.Ttft?.TotalSeconds,
                request.InputTokens, request.OutputTokens, request.Outcome, ExternalClock: false);
            if (request.ContentSpan is { } span && request.ContentGaps > 0)
            {
                var (before, gaps) = _gaps.GetValueOrDefault(series);
                _gaps[series] = (before + span, gaps + request.ContentGaps);
            }
        }
    }

    public void Count(Unmeasured reason)
    {
        lock (_lock)
        {
            _unmeasured[(int)reason]++;
        }
    }

    /// <summary>What is to be reported next.</summary>
    /// <param name="withStatus">Also take what was counted and averaged since it was last taken.</param>
    public MeasuredBatch Take(int max, bool withStatus)
    {
        lock (_lock)
        {
            var requests = new List<RequestObservation>();
            for (; _reported < _next && requests.Count < max; _reported++)
            {
                requests.Add(_ring[_reported % _ring.Length]);
            }

            return new MeasuredBatch(
                requests,
                requests.Count > 0 ? Checkpoint(_reported) : null,
                withStatus ? TakeUnmeasured() : new Dictionary<Unmeasured, long>(),
                withStatus ? TakeInterTokens() : new Dictionary<SeriesId, double>());
        }
    }

    /// <summary>Goes back to what was folded and stored: what the accumulator lost is reported once more.</summary>
    /// <param name="checkpoint">Of the last report that was not lost; null where there is none.</param>
    /// <param name="spoolIsFresh">The spool was replaced: what was reported before may have left the node already.</param>
    public void Rewind(byte[]? checkpoint, bool spoolIsFresh)
    {
        lock (_lock)
        {
            var stored = checkpoint is { Length: InstanceBytes + sizeof(long) } && checkpoint.AsSpan(0, InstanceBytes).SequenceEqual(_instance)
                ? BinaryPrimitives.ReadInt64LittleEndian(checkpoint.AsSpan(InstanceBytes))
                : 0;
            if (stored < _reported && (checkpoint is not null || !spoolIsFresh))
            {
                _reported = Math.Max(stored, _first);
                _unmeasured[(int)Unmeasured.Lost] += Math.Max(0, _first - Math.Max(stored, _lostBelow));
                _lostBelow = Math.Max(_lostBelow, _first);
            }
        }
    }

    private static ReadOnlySpan<byte> Utf8(string? text) => string.IsNullOrEmpty(text) ? default : Encoding.UTF8.GetBytes(text);

    private byte[] Checkpoint(long sequence)
    {
        var checkpoint = new byte[InstanceBytes + sizeof(long)];
        _instance.CopyTo(checkpoint, 0);
        BinaryPrimitives.WriteInt64LittleEndian(checkpoint.AsSpan(InstanceBytes), sequence);
        return checkpoint;
    }

    private Dictionary<Unmeasured, long> TakeUnmeasured()
    {
        var taken = Enum.GetValues<Unmeasured>().Where(reason => _unmeasured[(int)reason] > 0).ToDictionary(reason => reason, reason => _unmeasured[(int)reason]);
        Array.Clear(_unmeasured);
        return taken;
    }

    private Dictionary<SeriesId, double> TakeInterTokens()
    {
        var taken = _gaps.ToDictionary(entry => entry.Key, entry => entry.Value.Span.TotalMilliseconds / entry.Value.Gaps);
        _gaps.Clear();
        return taken;
    }
}
