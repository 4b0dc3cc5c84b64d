namespace FleetVibe.Verbs.Check;

/// <summary>What to do with a configuration that names no aggregator.</summary>
internal static class ExecdText
{
    /// <param name="program">How this program was started: its path, or the runtime's and that of the assembly.</param>
    public static string Of(string file, IEnumerable<string> program) =>
        $"""
        {file} is good for execd: its points are printed for a Telegraf on this machine. In its configuration:
          [[inputs.execd]]
            command = [{string.Join(", ", program.Concat(["execd", "--config", Path.GetFullPath(file)]).Select(word => $"\"{word}\""))}]
            signal = "STDIN"
            data_format = "influx"
        For run add aggregators to [agent], or [aggregator] to the file.
        """;
}
