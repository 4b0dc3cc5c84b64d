using System.Text.Json;
using FleetVibe.Chaos.Oracle;
using FleetVibe.Chaos.Reporting;

namespace FleetVibe.Chaos.Tests.Reporting;

public sealed class ReportingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fleetvibe-report-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_report_holds_what_the_page_promises_and_is_read_back()
    {
        var path = WriteReport("r.json", seed: 3, lost: 2);

        using var json = JsonDocument.Parse(File.ReadAllText(path));
        var names = json.RootElement.EnumerateObject().Select(property => property.Name).ToList();
        string[] promised = ["seed", "faults", "requests", "committed", "refused", "lost", "duplicated", "shrunk", "worst_gap_s", "worst_percentile_error"];
        Assert.Empty(promised.Except(names));
        Assert.Equal(2, json.RootElement.GetProperty("faults").GetProperty("kill_agent").GetInt32());
        Assert.Equal(1, json.RootElement.GetProperty("refused_by_reason").GetProperty("late").GetInt64());
        Assert.Equal(2, CampaignReport.Read(path).Lost);
        Assert.Contains("m 10s: requests 8 instead of 10 (why)", CampaignReport.Read(path).Mismatches);
    }

    [Fact]
    public void A_file_that_is_no_report_is_named()
    {
        var path = Path.Combine(_folder, "bad.json");
        File.WriteAllText(path, "{}");

        Assert.Contains(path, Assert.Throws<InvalidDataException>(() => CampaignReport.Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_has_a_row_a_campaign_in_order_of_seeds_and_one_for_all()
    {
        var table = CampaignTable.Render([CampaignReport.Read(WriteReport("2.json", 2, 0)), CampaignReport.Read(WriteReport("1.json", 1, 5))]);

        Assert.Equal(
            [
                "| 1 | 3: kill_agent 2, pause 1 | 10,000 | 1 | 5 | 0 | 0 | 7.2 s | 0.412 % |",
                "| 2 | 3: kill_agent 2, pause 1 | 10,000 | 1 | 0 | 0 | 0 | 7.2 s | 0.412 % |",
                "| all 2 | 6: kill_agent 4, pause 2 | 20,000 | 2 | 5 | 0 | 0 | 7.2 s | 0.412 % |",
            ],
            table.TrimEnd('\n').Split('\n').Skip(2));
    }

    [Fact]
    public void The_command_replaces_the_table_of_the_page_and_leaves_the_rest()
    {
        var report = WriteReport("1.json", 1, 0);
        var page = Path.Combine(_folder, "page.md");
        File.Copy(Path.Combine(Root(), "docs", "chaos.md"), page);
        var before = File.ReadAllText(page);

        Assert.Equal(0, TableCommand.Create().Parse([report, "--into", page]).Invoke());
        var once = File.ReadAllText(page);
        Assert.Equal(0, TableCommand.Create().Parse([report, "--into", page]).Invoke());

        Assert.Contains("| 1 | 3: kill_agent 2, pause 1 |", once, StringComparison.Ordinal);
        Assert.StartsWith(before[..before.IndexOf("<!--", StringComparison.Ordinal)], once, StringComparison.Ordinal);
        Assert.Equal(once, File.ReadAllText(page));
    }

    [Fact]
    public void A_page_without_the_markers_is_left_alone()
    {
        var report = WriteReport("1.json", 1, 0);
        var page = Path.Combine(_folder, "page.md");
        File.WriteAllText(page, "# No table\n");

        Assert.Equal(2, TableCommand.Create().Parse([report, "--into", page]).Invoke());
        Assert.Equal("# No table\n", File.ReadAllText(page));
    }

    private string WriteReport(string name, int seed, long lost)
    {
        var path = Path.Combine(_folder, name);
        var verdict = new Verdict(10_000, 9_999 - lost, 1, lost, 0, 0, 7.23, 0.00412, [new Mismatch("requests", "m 10s", 10, 8, "why")], 1)
        {
            RefusedByReason = new SortedDictionary<string, long> { ["late"] = 1 },
        };
        CampaignReport.Of(seed, new Dictionary<string, int> { ["pause"] = 1, ["kill_agent"] = 2 }, verdict, 120, 20, 1, "0.1.0").Write(path);
        return path;
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "FleetVibe.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("the tests do not stand in the repository");
        }

        return folder.FullName;
    }
}
