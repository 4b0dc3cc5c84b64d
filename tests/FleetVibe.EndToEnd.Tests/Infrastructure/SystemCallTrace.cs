using System.Globalization;
using System.Text.RegularExpressions;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>What a traced process did to one file and to its sockets, in order. Pure over the trace's text.</summary>
internal static partial class SystemCallTrace
{
    public const string Strace = "/usr/bin/strace";

    // The header of a write-ahead log is written and synced apart, before the first pages.
    private const int HeaderBytes = 32;
    private const int ShownBytes = 1024;

    private const byte DataFrame = 0;
    private const byte HeadersFrame = 1;
    private const int FrameHeaderBytes = 9;

    // What a client says first; where the server is slow to read, the first question follows in the same read.
    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    // Of a gRPC message: compressed flag and length.
    private const int PrefixBytes = 5;

    // Field 2 of AgentMessage, length-delimited.
    private const byte RecordTag = 0x12;

    /// <summary>The command line that traces another and becomes it: signals reach it, not the tracer. The trace goes to the file.</summary>
    public static IReadOnlyList<string> Command(string traceFile) =>
    [
        Strace, "-D", "-f", "-x", "-s", ShownBytes.ToString(CultureInfo.InvariantCulture),
        "-e", "trace=openat,close,fsync,fdatasync,pwrite64,write,writev,sendmsg,sendto,read,recvmsg,recvfrom", "-ttt", "-o", traceFile,
    ];

    /// <summary>The trace of a process that has ended: the tracer may be a moment behind.</summary>
    public static async Task<IReadOnlyList<string>> ReadAsync(string traceFile, TimeSpan limit)
    {
        string[] lines = [];
        await Eventually.Holds(
            () =>
            {
                lines = File.Exists(traceFile) ? File.ReadAllLines(traceFile) : [];
                return lines.Length > 0 && Ended().IsMatch(lines[^1]);
            },
            limit,
            () => $"the trace does not end:\n{string.Join('\n', lines.TakeLast(5))}");
        return lines;
    }

    /// <summary>
    /// Every answer over HTTP/2, and whether the file was written and then synced between its question and it. The file has one
    /// writer, so what is written after a sync belongs to the next transaction.
    /// </summary>
    public static IReadOnlyList<bool> AnswersAfterSync(IEnumerable<string> trace, string file)
    {
        var answers = new List<bool>();
        var asked = new Dictionary<string, SyncWatch>();
        foreach (var step in Steps(trace, file))
        {
            switch (step.Kind)
            {
                case StepKind.Received when Frames(step.Bytes).Any(frame => frame.Type == HeadersFrame):
                    asked[step.Descriptor] = new SyncWatch(step.At);
                    break;
                case StepKind.Sent when Frames(step.Bytes).Any(frame => frame.Type == HeadersFrame) && asked.Remove(step.Descriptor, out var watch):
                    answers.Add(watch.IsSynced);
                    break;
                default:
                    foreach (var open in asked.Values)
                    {
                        open.See(step);
                    }

                    break;
            }
        }

        return answers;
    }

    /// <summary>
    /// Every record that an agent sent, and whether its file was synced after the last write before it. Records of one transaction
    /// share its sync.
    /// </summary>
    public static IReadOnlyList<bool> RecordsAfterSync(IEnumerable<string> trace, string file)
    {
        var records = new List<bool>();
        var watch = new SyncWatch(0);
        foreach (var step in Steps(trace, file))
        {
            if (step.Kind != StepKind.Sent)
            {
                watch.See(step);
            }
            else if (Frames(step.Bytes).Any(frame =>
                frame.Type == DataFrame && frame.Payload.Length > PrefixBytes && frame.Payload[PrefixBytes] == RecordTag))
            {
                records.Add(watch.HasWritten || records.Count == 0 ? watch.IsSynced : records[^1]);
                watch = new SyncWatch(step.At);
            }
        }

        return records;
    }

    private static IEnumerable<Step> Steps(IEnumerable<string> trace, string file)
    {
        var files = new Dictionary<string, string>();
        var unfinished = new Dictionary<string, (int At, string Text)>();
        var at = 0;
        foreach (var line in trace)
        {
            at++;
            var parts = Line().Match(line);
            if (!parts.Success)
            {
                continue;
            }

            var (thread, text, began) = (parts.Groups[1].Value, parts.Groups[2].Value, at);
            if (text.EndsWith(" <unfinished ...>", StringComparison.Ordinal))
            {
                text = text[..^" <unfinished ...>".Length];
                unfinished[thread] = (at, text);

                // An answer is on its way from here on; everything else counts when it is done.
                if (Sends(text, files))
                {
                    yield return new Step(StepKind.Sent, at, at, DescriptorOf(text), BytesOf(text));
                }

                continue;
            }

            var isResumed = Resumed().Match(text);
            if (isResumed.Success && unfinished.Remove(thread, out var first))
            {
                (began, text) = (first.At, first.Text + text[isResumed.Length..]);
                if (Sends(first.Text, files))
                {
                    continue;
                }
            }

            var call = Call().Match(text);
            if (!call.Success || call.Groups[3].Value.StartsWith('-'))
            {
                continue;
            }

            var (name, descriptor, result) = (call.Groups[1].Value, DescriptorOf(text), call.Groups[3].Value);
            switch (name)
            {
                case "openat":
                    files[result] = Opened().Match(text).Groups[1].Value;
                    break;
                case "close":
                    files.Remove(descriptor);
                    break;
                case "fsync" or "fdatasync" when IsOf(file, descriptor, files):
                    yield return new Step(StepKind.Synced, began, at, descriptor, []);
                    break;
                case "pwrite64" or "write" or "writev" when IsOf(file, descriptor, files):
                    if (result != HeaderBytes.ToString(CultureInfo.InvariantCulture))
                    {
                        yield return new Step(StepKind.Written, began, at, descriptor, []);
                    }

                    break;
                case "read" or "recvmsg" or "recvfrom" when !files.ContainsKey(descriptor) && result != "0":
                    yield return new Step(StepKind.Received, began, at, descriptor, BytesOf(text));
                    break;
                default:
                    if (Sends(text, files))
                    {
                        yield return new Step(StepKind.Sent, began, at, descriptor, BytesOf(text));
                    }

                    break;
            }
        }
    }

    private static bool IsOf(string file, string descriptor, Dictionary<string, string> files) =>
        files.TryGetValue(descriptor, out var path) && path.EndsWith(file, StringComparison.Ordinal);

    private static bool Sends(string text, Dictionary<string, string> files) =>
        Sending().IsMatch(text) && !files.ContainsKey(DescriptorOf(text));

    private static string DescriptorOf(string text) => Descriptor().Match(text).Groups[1].Value;

    private static byte[] BytesOf(string text) =>
        [.. Bytes().Matches(text).SelectMany(quoted => Hex().Matches(quoted.Value).Select(hex => Convert.ToByte(hex.Groups[1].Value, 16)))];

    // As far as the trace shows them.
    private static IEnumerable<(byte Type, byte[] Payload)> Frames(byte[] bytes)
    {
        for (var at = bytes.AsSpan().StartsWith(Preface) ? Preface.Length : 0; at + FrameHeaderBytes <= bytes.Length;)
        {
            var length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
            var end = Math.Min(bytes.Length, at + FrameHeaderBytes + length);
            yield return (bytes[at + 3], bytes[(at + FrameHeaderBytes)..end]);
            at += FrameHeaderBytes + length;
        }
    }

    [GeneratedRegex(@"^(\d+) +[\d.]+ (.*)$")]
    private static partial Regex Line();

    [GeneratedRegex(@"\+\+\+ (exited|killed) ")]
    private static partial Regex Ended();

    [GeneratedRegex(@"^<\.\.\. \w+ resumed>")]
    private static partial Regex Resumed();

    [GeneratedRegex(@"^(\w+)\((.*)\) += (-?\d+)")]
    private static partial Regex Call();

    [GeneratedRegex(@"^\w+\((\d+)")]
    private static partial Regex Descriptor();

    [GeneratedRegex("^openat\\([^,]+, \"([^\"]*)\"")]
    private static partial Regex Opened();

    [GeneratedRegex(@"^(sendmsg|sendto|write|writev)\(")]
    private static partial Regex Sending();

    [GeneratedRegex("\"(?:\\\\x[0-9a-f]{2})+\"")]
    private static partial Regex Bytes();

    [GeneratedRegex(@"\\x([0-9a-f]{2})")]
    private static partial Regex Hex();

    private enum StepKind
    {
        Written,
        Synced,
        Received,
        Sent,
    }

    private sealed record Step(StepKind Kind, int Began, int At, string Descriptor, byte[] Bytes);

    /// <summary>Whether, since a moment, something was written and a sync that began after the write has ended.</summary>
    private sealed class SyncWatch(int since)
    {
        private int? _written;

        public bool HasWritten => _written is not null;

        public bool IsSynced { get; private set; }

        public void See(Step step)
        {
            switch (step.Kind)
            {
                case StepKind.Written when !IsSynced && step.Began > since:
                    _written = step.At;
                    break;
                case StepKind.Synced:
                    IsSynced |= _written is { } written && step.Began > written;
                    break;
                default:
                    break;
            }
        }
    }
}
