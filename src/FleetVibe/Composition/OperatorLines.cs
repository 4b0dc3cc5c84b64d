using FleetVibe.Configuration;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Composition;

/// <summary>What a process says to whoever runs it, beside the lines of its roles.</summary>
internal interface IOperatorLines
{
    void Say(LogLevel level, string text);

    /// <summary>What is wrong with a configuration, and where.</summary>
    void Say(Finding finding);
}

/// <summary>Plain lines, as people read them.</summary>
internal sealed class PlainLines(TextWriter output, TextWriter error) : IOperatorLines
{
    public void Say(LogLevel level, string text) => (level < LogLevel.Warning ? output : error).WriteLine(text);

    public void Say(Finding finding) => error.WriteLine(finding);
}

/// <summary>Lines of standard error as Telegraf takes them: standard output belongs to points.</summary>
internal sealed class TelegrafLines(TextWriter error) : IOperatorLines
{
    public void Say(LogLevel level, string text) => error.WriteLine(TelegrafLine.Of(level, text));

    public void Say(Finding finding) => Say(finding.IsError ? LogLevel.Error : LogLevel.Warning, $"{finding.Origin}: {finding.Text}");
}
