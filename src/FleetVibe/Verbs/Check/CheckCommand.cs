using System.CommandLine;
using FleetVibe.Configuration;

namespace FleetVibe.Verbs.Check;

/// <summary><c>check</c>: what a configuration would do, without doing it.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var config = ConfigurationOption.Create();
        var command = new Command("check", "Validates a configuration and prints every setting in force, without secrets.") { config };
        command.SetAction(result => Run(result.GetRequiredValue(config), Console.Out, Console.Error));
        return command;
    }

    private static int Run(string file, TextWriter output, TextWriter error)
    {
        if (ConfigurationOption.Load(file, error) is not { } loaded)
        {
            return ExitCodes.Usage;
        }

        output.Write(EffectiveText.Of(loaded.Sections));
        output.WriteLine();
        output.WriteLine($"{file} is good: this process would be {string.Join(", ", loaded.Settings!.Roles)}");
        return ExitCodes.Ok;
    }
}
