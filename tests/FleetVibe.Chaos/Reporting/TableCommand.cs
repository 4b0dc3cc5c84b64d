using System.CommandLine;

namespace FleetVibe.Chaos.Reporting;

/// <summary><c>table REPORT.json... [--into PAGE.md]</c></summary>
public static class TableCommand
{
    public static System.CommandLine.Command Create()
    {
        var reports = new Argument<string[]>("reports") { Description = "Reports of campaigns", Arity = ArgumentArity.OneOrMore };
        var into = new Option<string?>("--into") { Description = "The page whose table is replaced; without it the table is printed" };
        var command = new System.CommandLine.Command("table", "The table of campaigns in Markdown") { reports, into };
        command.SetAction(result =>
        {
            try
            {
                Run(result.GetRequiredValue(reports), result.GetValue(into), result.InvocationConfiguration.Output);
                return 0;
            }
            catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                result.InvocationConfiguration.Error.WriteLine(e.Message);
                return 2;
            }
        });
        return command;
    }

    private static void Run(IEnumerable<string> paths, string? into, TextWriter output)
    {
        var table = CampaignTable.Render([.. paths.Select(CampaignReport.Read)]);
        if (into is null)
        {
            output.Write(table);
            return;
        }

        File.WriteAllText(into, CampaignTable.PutInto(File.ReadAllText(into), table, into));
    }
}
