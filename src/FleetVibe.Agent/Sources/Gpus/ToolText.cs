namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>Texts of tools for users.</summary>
internal static class ToolText
{
    private const int MaxLength = 300;

    /// <summary>One line of printable characters, at most 300.</summary>
    internal static string Clean(string text)
    {
        var clean = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)).Trim();
        return clean.Length <= MaxLength ? clean : clean[..MaxLength];
    }

    /// <summary>What the end of a tool means by its exit code alone.</summary>
    internal static string Ended(string command, int exitCode, string lastText, string cure)
    {
        var meaning = exitCode switch
        {
            0 => "printed no GPU",
            126 or 127 => $"was not found or cannot be run; {cure}",
            > 128 and < 160 => $"was killed by signal {exitCode - 128}",
            _ => "failed",
        };
        var said = Clean(lastText);
        return said.Length == 0 ? $"{command} {meaning} (exit code {exitCode})" : $"{command} {meaning} (exit code {exitCode}): {said}";
    }
}
