using System.Text;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Composition.Execd;

/// <summary>Gives each line that is written to it Telegraf's prefix of one level. Thread safe.</summary>
internal sealed class TelegrafWriter(TextWriter error, LogLevel level) : TextWriter
{
    private readonly Lock _lock = new();
    private readonly StringBuilder _line = new();

    public override Encoding Encoding => error.Encoding;

    public override void Write(char value)
    {
        lock (_lock)
        {
            if (value != '\n')
            {
                _line.Append(value);
                return;
            }

            var line = _line.ToString();
            _line.Clear();
            if (!string.IsNullOrWhiteSpace(line))
            {
                error.WriteLine(TelegrafLine.Of(level, line.TrimEnd()));
            }
        }
    }
}
