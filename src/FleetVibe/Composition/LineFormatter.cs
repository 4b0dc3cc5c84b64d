using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace FleetVibe.Composition;

/// <summary>Which role a host's lines belong to.</summary>
internal sealed class LineFormatterOptions : ConsoleFormatterOptions
{
    public string Role { get; set; } = "";

    /// <summary>From here on Akka's own lines are written; those of our actors are written anyway.</summary>
    public LogLevel LibraryLevel { get; set; } = LogLevel.Warning;

    /// <summary>Telegraf writes the time itself, and wants the level as a prefix.</summary>
    public bool ForTelegraf { get; set; }
}

/// <summary>One line an event: UTC time, level, role, message.</summary>
internal sealed partial class LineFormatter(IOptionsMonitor<LineFormatterOptions> options, TimeProvider time) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "fleetvibe";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        if (!IsOfAkkaItself(logEntry.Category, message) || logEntry.LogLevel >= options.CurrentValue.LibraryLevel)
        {
            textWriter.WriteLine(Line(logEntry.LogLevel, message, logEntry.Exception));
        }
    }

    // Every actor logs under one category; the path says whose it is.
    internal static bool IsOfAkkaItself(string category, string message) =>
        category.StartsWith("Akka", StringComparison.Ordinal) && !message.Contains("/user/", StringComparison.Ordinal);

    internal string Line(LogLevel level, string message, Exception? exception)
    {
        var text = LineBreaks().Replace(exception is null ? Bare(message) : $"{Bare(message)}: {Describe(exception, level >= LogLevel.Error)}", " ");
        if (options.CurrentValue.ForTelegraf)
        {
            return TelegrafLine.Of(level, $"{options.CurrentValue.Role}: {text}");
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"{time.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ} {LevelName(level)} {options.CurrentValue.Role}: {text}");
    }

    private static string LevelName(LogLevel level) => level switch
    {
        LogLevel.Critical => "CRIT ",
        LogLevel.Error => "ERROR",
        LogLevel.Warning => "WARN ",
        LogLevel.Information => "info ",
        _ => "debug",
    };

    // Akka writes its own level, time, thread and path before the message.
    private static string Bare(string message) => AkkaPrefix().Replace(message, "");

    private static string Describe(Exception exception, bool withStack) =>
        withStack ? exception.ToString() : $"{exception.GetType().Name}: {exception.Message}";

    [GeneratedRegex(@"^\[(?:DEBUG|INFO|WARNING|ERROR)\](?:\[[^\]]*\]){3} ")]
    private static partial Regex AkkaPrefix();

    [GeneratedRegex(@"\s*[\r\n]+\s*")]
    private static partial Regex LineBreaks();
}
