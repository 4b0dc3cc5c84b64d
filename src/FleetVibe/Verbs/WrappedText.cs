namespace FleetVibe.Verbs;

/// <summary>Sentences for a terminal of 80 columns.</summary>
internal static class WrappedText
{
    private const int Width = 78;

    /// <param name="start">What the first line begins with; the others are indented as far.</param>
    public static void Write(TextWriter output, string start, string text)
    {
        var line = start;
        foreach (var word in text.Split(' '))
        {
            if (line.Length > start.Length && line.Length + 1 + word.Length > Width)
            {
                output.WriteLine(line);
                line = new string(' ', start.Length);
            }

            line += line.Length > start.Length ? " " + word : word;
        }

        output.WriteLine(line);
    }
}
