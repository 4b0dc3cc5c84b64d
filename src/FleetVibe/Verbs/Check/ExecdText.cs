namespace FleetVibe.Verbs.Check;

/// <summary>What to do with a configuration that names no aggregator.</summary>
internal static class ExecdText
{
    /// <param name="program">Path of this program; null where it is not known.</param>
    public static string Of(string file, string? program) =>
        $"""
        {file} is good for execd: its points are printed for a Telegraf on this machine. In its configuration:
          [[inputs.execd]]
            command = ["{program ?? "fleetvibe"}", "execd", "--config", "{Path.GetFullPath(file)}"]
            signal = "STDIN"
            data_format = "influx"
        For run add aggregators to [agent], or [aggregator] to the file.
        """;
}
