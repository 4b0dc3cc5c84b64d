using System.Buffers.Binary;
using System.Security.Cryptography;
using FleetVibe.Metrics.Windows;
using Google.Protobuf;
using Wire = FleetVibe.Protocol.V1;

namespace FleetVibe.Protocol.Mapping;

/// <summary>Window totals and series names to and from their wire form.</summary>
public static class TotalsMapper
{
    public static Wire.WindowTotals ToWire(SeriesTotals totals) => new()
    {
        Requests = (ulong)totals.Requests,
        Errors = (ulong)totals.Errors,
        LengthLimited = (ulong)totals.LengthLimited,
        InputTokens = (ulong)totals.InputTokens,
        OutputTokens = (ulong)totals.OutputTokens,
        WideRequests = (ulong)totals.WideRequests,
        ResponseTime = HistogramMapper.ToWire(totals.ResponseTime),
        Ttft = HistogramMapper.ToWire(totals.Ttft),
    };

    /// <exception cref="InvalidDataException">The message contradicts itself.</exception>
    public static SeriesTotals FromWire(Wire.WindowTotals? wire)
    {
        if (wire is null)
        {
            return new SeriesTotals();
        }

        return new SeriesTotals
        {
            Requests = Count(wire.Requests, "requests"),
            Errors = Count(wire.Errors, "errors"),
            LengthLimited = Count(wire.LengthLimited, "length_limited"),
            InputTokens = Count(wire.InputTokens, "input_tokens"),
            OutputTokens = Count(wire.OutputTokens, "output_tokens"),
            WideRequests = Count(wire.WideRequests, "wide_requests"),
            ResponseTime = HistogramMapper.FromWire(wire.ResponseTime),
            Ttft = HistogramMapper.FromWire(wire.Ttft),
        };
    }

    public static Wire.SeriesKey ToWire(SeriesId series) => new() { Model = series.Model, Task = series.Task, Variant = series.Variant };

    public static SeriesId FromWire(Wire.SeriesKey wire) => new(wire.Model, wire.Task, wire.Variant);

    /// <summary>First 64 bits of the SHA-256 of a contribution's bytes: tells a record from another that took its id.</summary>
    public static ulong ContentHash(Wire.WindowTotals totals)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(totals.ToByteArray(), digest);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest);
    }

    // A quarter of the range, so that sums of many windows stay inside it.
    private static long Count(ulong value, string name) =>
        value <= long.MaxValue / 4 ? (long)value : throw new InvalidDataException($"{name} out of range: {value}");
}
