using System.Buffers.Text;
using System.Text;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>
/// Whether a status means success: by default a missing one, <c>success, succeeded, ok, completed, done, stop, length,
/// tool_calls</c> in any case, gRPC 0 and the integers 100 to 399; all else is an error. A configured list takes the place
/// of all of these; its entry <c>missing</c> stands for no status.
/// </summary>
internal sealed class LogStatus
{
    private static readonly byte[][] DefaultWords =
        [.. new[] { "success", "succeeded", "ok", "completed", "done", "stop", "length", "tool_calls" }.Select(Encoding.UTF8.GetBytes)];

    private readonly byte[][] words;
    private readonly bool numbersCount;
    private readonly bool missingSucceeds;

    public LogStatus(IReadOnlyList<string>? successStatus)
    {
        numbersCount = successStatus is null;
        words = successStatus is null ? DefaultWords : [.. successStatus.Select(Encoding.UTF8.GetBytes)];
        missingSucceeds = successStatus is null || successStatus.Any(word => word.Length == 0 || word.Equals("missing", StringComparison.OrdinalIgnoreCase));
    }

    /// <param name="status">Unescaped, without quotes; empty where the line has none.</param>
    public RequestOutcome OutcomeOf(ReadOnlySpan<byte> status)
    {
        status = status.Trim(" \t"u8);
        if (status.IsEmpty)
        {
            return missingSucceeds ? RequestOutcome.Success : RequestOutcome.Error;
        }

        foreach (var word in words)
        {
            if (Ascii.EqualsIgnoreCase(status, word))
            {
                return Ascii.EqualsIgnoreCase(status, "length"u8) ? RequestOutcome.LengthLimited : RequestOutcome.Success;
            }
        }

        return numbersCount && IsSuccessNumber(status) ? RequestOutcome.Success : RequestOutcome.Error;
    }

    private static bool IsSuccessNumber(ReadOnlySpan<byte> status) =>
        Utf8Parser.TryParse(status, out double value, out var used) && used == status.Length
        && double.IsInteger(value) && value is 0 or (>= 100 and <= 399);
}
