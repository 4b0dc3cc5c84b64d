namespace FleetVibe.Agent.Sources.JsonLog.Formats;

/// <summary>A line of text without the colours that servers give it on a terminal. Not thread safe.</summary>
internal sealed class PlainText
{
    private const byte Escape = 0x1B;

    private byte[] _buffer = [];

    public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> line)
    {
        if (!line.Contains(Escape))
        {
            return line;
        }

        if (_buffer.Length < line.Length)
        {
            _buffer = new byte[line.Length];
        }

        var length = 0;
        for (var i = 0; i < line.Length; i++)
        {
            if (line[i] != Escape)
            {
                _buffer[length++] = line[i];
                continue;
            }

            // ESC [ parameters letter
            for (i++; i < line.Length && !char.IsAsciiLetter((char)line[i]); i++)
            {
            }
        }

        return _buffer.AsSpan(0, length);
    }
}
