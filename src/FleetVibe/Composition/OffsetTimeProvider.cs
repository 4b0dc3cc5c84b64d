using System.Globalization;

namespace FleetVibe.Composition;

/// <summary>A wall clock that is off by a fixed span, for chaos campaigns; what measures spans is not touched.</summary>
internal sealed class OffsetTimeProvider(TimeSpan offset) : TimeProvider
{
    /// <summary>Names the variable that holds the offset, e.g. 01:00:00 or -00:05:00.</summary>
    public const string Variable = "FLEETVIBE_CLOCK_OFFSET";

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + offset;

    /// <summary>The system's clock, unless the variable says otherwise.</summary>
    /// <exception cref="FormatException">The variable is no span of time.</exception>
    public static TimeProvider FromEnvironment(Func<string, string?> variable) =>
        variable(Variable) is not { Length: > 0 } text ? System
        : TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out var offset) ? new OffsetTimeProvider(offset)
        : throw new FormatException($"{Variable} = \"{text}\" is no span of time: write one such as 01:00:00 or -00:05:00, or unset it");
}
