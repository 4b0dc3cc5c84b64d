using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Metrics.Windows;

namespace FleetVibe.Agent.Tests.Sources.Engines;

/// <summary>What must hold for the pages of every engine.</summary>
public class EnginePagesTests
{
    /// <summary>Every folder of pages.</summary>
    public static TheoryData<string> All() => [.. EnginePages.Names];

    /// <summary>Those whose engine can be recognised.</summary>
    public static TheoryData<string> Known() => [.. EnginePages.Names.Where(name => name != EngineSourceSettings.Generic)];

    [Fact]
    public void Every_engine_has_pages() =>
        Assert.Equal(EngineTables.All.Select(t => t.Kind).Append(EngineSourceSettings.Generic).Order(), EnginePages.Names.Select(n => new EnginePages(n).Settings.Engine).Distinct().Order());

    [Theory]
    [MemberData(nameof(All))]
    public void Two_pages_come_to_what_is_written_beside_them(string name)
    {
        var pages = new EnginePages(name);
        Assert.Equal(pages.Expected, EnginePages.Render(pages.ReadBoth()));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_first_look_counts_nothing_of_the_past(string name)
    {
        var pages = new EnginePages(name);
        var first = pages.Read(pages.Fresh(), pages.First, 10);
        Assert.Null(first.Error);
        Assert.All(EnginePages.Totals(first).Values, t => Assert.True(t.IsEmpty));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Doubled_families_count_once(string name)
    {
        var pages = new EnginePages(name);
        Assert.Equal(pages.Expected, EnginePages.Render(pages.ReadBoth(page => page + page)));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Unknown_families_change_nothing(string name)
    {
        var pages = new EnginePages(name);
        Assert.Equal(pages.Expected, EnginePages.Render(pages.ReadBoth(page =>
            "# TYPE some_new_thing counter\nsome_new_thing{model_name=\"x\"} NaN\n" + page + "another_total 5\nanother_bucket{le=\"oops\"} 1\n")));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Colons_underscores_and_Rays_prefix_are_one_spelling(string name)
    {
        var pages = new EnginePages(name);
        static string Names(string page, Func<string, string> rename) =>
            string.Join('\n', page.Split('\n').Select(line => line.StartsWith('#') || line.Length == 0 ? line : rename(line)));
        static string Folded(string line)
        {
            var end = line.IndexOfAny(['{', ' ']);
            return line[..end].Replace(':', '_') + line[end..];
        }

        Assert.Equal(pages.Expected, EnginePages.Render(pages.ReadBoth(page => Names(page, Folded))));
        Assert.Equal(pages.Expected, EnginePages.Render(pages.ReadBoth(page => Names(page, line => line.StartsWith("process_", StringComparison.Ordinal) || line.StartsWith("ray_", StringComparison.Ordinal) ? line : "ray_" + line))));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Counters_with_and_without_total_are_the_same_counters(string name)
    {
        var pages = new EnginePages(name);
        Assert.Equal(pages.Expected, EnginePages.Render(pages.ReadBoth(page => page.Replace("_total{", "{", StringComparison.Ordinal).Replace("_total ", " ", StringComparison.Ordinal))));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_gauge_that_takes_a_counters_name_without_total_is_not_the_counter(bool before)
    {
        var pages = new EnginePages("vllm-ray");
        string WithGauges(string page)
        {
            var success = page.Split('\n').Where(line => line.StartsWith("ray_vllm_request_success{", StringComparison.Ordinal)).ToList();
            var gauges = string.Concat(success.Select(line => line[..line.LastIndexOf(' ')] + " 907\n"));
            var counters = page.Replace("ray_vllm_request_success{", "ray_vllm_request_success_total{", StringComparison.Ordinal);
            Assert.NotEmpty(success);
            return before ? gauges + counters : counters + gauges;
        }

        Assert.Equal(pages.Expected, EnginePages.Render(pages.ReadBoth(WithGauges)));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_family_that_is_missing_takes_only_its_own_figures_along(string name)
    {
        var pages = new EnginePages(name);
        var whole = EnginePages.Totals(pages.ReadBoth());
        foreach (var family in pages.Table.Families.Select(f => f.Name).Distinct())
        {
            var read = pages.ReadBoth(page => Without(page, family));
            foreach (var (model, totals) in EnginePages.Totals(read))
            {
                Assert.InRange(totals.Requests, 0, whole[model].Requests + whole[model].Errors);
                Assert.Contains(totals.InputTokens, new[] { 0, whole[model].InputTokens });
                Assert.InRange(totals.Errors, 0, whole[model].Errors);
                Assert.Contains(totals.ResponseTime.Count, new[] { 0, whole[model].ResponseTime.Count });
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_family_that_is_missing_for_one_page_is_made_up_for_and_never_doubled(string name)
    {
        var pages = new EnginePages(name);
        var whole = EnginePages.Totals(pages.ReadBoth());
        foreach (var family in pages.Table.Families.Select(f => f.Name).Distinct())
        {
            var one = pages.Read(pages.Fresh(), pages.First, 10);
            var two = pages.Read(one.State, Without(pages.Second, family), 20);
            var three = pages.Read(two.State, pages.Second, 30);
            foreach (var (model, expected) in whole)
            {
                var sum = new SeriesTotals();
                sum.Merge(EnginePages.Totals(two).GetValueOrDefault(model) ?? new SeriesTotals());
                sum.Merge(EnginePages.Totals(three).GetValueOrDefault(model) ?? new SeriesTotals());
                Assert.Equal(
                    (family, expected.Requests, expected.Errors, expected.InputTokens, expected.OutputTokens, expected.ResponseTime.Count),
                    (family, sum.Requests, sum.Errors, sum.InputTokens, sum.OutputTokens, sum.ResponseTime.Count));
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_restart_gives_no_negative_and_no_doubled_count(string name)
    {
        var pages = new EnginePages(name);
        var two = pages.ReadBoth();

        // The counters of the first page again, as of an engine that began anew.
        var three = pages.Read(two.State, Restarted(pages.First), 30);
        var four = pages.Read(three.State, Restarted(pages.First), 40);
        var five = pages.Read(four.State, Restarted(pages.Second), 50);
        Assert.Equal((1, 0, 0), (three.Restarts, four.Restarts, five.Restarts));
        Assert.All(EnginePages.Totals(four).Values, t => Assert.True(t.IsEmpty));
        var gained = EnginePages.Totals(two);
        Assert.All(EnginePages.Totals(five), t => Assert.Equal((gained[t.Key].Requests, gained[t.Key].OutputTokens), (t.Value.Requests, t.Value.OutputTokens)));

        // What the restarted engine shows is what one that began under the watch shows.
        var fresh = EnginePages.Totals(pages.Read(pages.Fresh() with { SeenComplete = true, WatchedSince = DateTimeOffset.UnixEpoch }, pages.First, 30));
        Assert.All(EnginePages.Totals(three), t => Assert.Equal((fresh[t.Key].Requests, fresh[t.Key].InputTokens, fresh[t.Key].ResponseTime.Count), (t.Value.Requests, t.Value.InputTokens, t.Value.ResponseTime.Count)));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void An_empty_page_is_up_without_data_and_no_reset(string name)
    {
        var pages = new EnginePages(name);
        var one = pages.Read(pages.Fresh(), pages.First, 10);
        var empty = pages.Read(one.State, "", 15);
        Assert.Null(empty.Error);
        Assert.Equal(pages.Expected, EnginePages.Render(pages.Read(empty.State, pages.Second, 20)));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_page_cut_anywhere_neither_fails_nor_counts_too_much(string name)
    {
        var pages = new EnginePages(name);
        var whole = EnginePages.Totals(pages.ReadBoth());
        var one = pages.Read(pages.Fresh(), pages.First, 10);
        foreach (var length in Enumerable.Range(0, 60).Select(i => pages.Second.Length * i / 60))
        {
            var cut = pages.Read(one.State, pages.Second[..length], 20);
            var rest = pages.Read(cut.State, pages.Second, 30);
            foreach (var (model, expected) in whole)
            {
                var sum = new SeriesTotals();
                sum.Merge(EnginePages.Totals(cut).GetValueOrDefault(model) ?? new SeriesTotals());
                sum.Merge(EnginePages.Totals(rest).GetValueOrDefault(model) ?? new SeriesTotals());
                Assert.Equal((expected.Requests, expected.Errors, expected.OutputTokens), (sum.Requests, sum.Errors, sum.OutputTokens));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Known))]
    public void The_page_says_whose_it_is(string name)
    {
        var pages = new EnginePages(name);
        Assert.Equal(pages.Settings.Engine, EngineRecognition.Recognise(PageNames.In(pages.Page(pages.First, 10).Body))?.Kind);
    }

    [Theory]
    [MemberData(nameof(Known))]
    public void Found_out_by_itself_an_engine_counts_the_same(string name)
    {
        var pages = new EnginePages(name);
        var auto = pages.Settings with { Engine = EngineSourceSettings.Auto };
        var one = pages.Read(pages.Fresh(), pages.First, 10, auto);
        var two = pages.Read(one.State, pages.Second, 20, auto);
        Assert.Equal(pages.Expected, EnginePages.Render(two));
        Assert.StartsWith(pages.Table.Product, two.Recognised, StringComparison.Ordinal);
    }

    private static string Without(string page, string family) =>
        string.Join('\n', page.Split('\n').Where(line => line.Length == 0 || line.StartsWith('#') || !IsOf(line, family)));

    private static bool IsOf(string line, string family)
    {
        var name = line[..line.IndexOfAny(['{', ' '])];
        name = (name.StartsWith("ray_", StringComparison.Ordinal) ? name[4..] : name).Replace(':', '_');
        var stem = family.Replace(':', '_');
        return name == stem || name == stem + "_total" || name == stem + "_sum" || name == stem + "_count" || name == stem + "_bucket" || name == stem + "_created";
    }

    // A second start, where the page names one.
    private static string Restarted(string page) => page.Replace("1.79e+09", "1795507225", StringComparison.Ordinal);
}
