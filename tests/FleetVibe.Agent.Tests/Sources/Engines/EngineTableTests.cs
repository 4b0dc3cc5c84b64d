using System.Text;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Engines;

namespace FleetVibe.Agent.Tests.Sources.Engines;

/// <summary>What is special to one engine or to a user's own map.</summary>
public class EngineTableTests
{
    [Fact]
    public void Of_LiteLLM_no_label_that_names_a_person_or_a_key_is_kept()
    {
        var pages = new EnginePages("litellm");
        var stored = Encoding.UTF8.GetString(pages.ReadBoth().State.ToCheckpoint());
        foreach (var secret in (string[])["person-", "secret-", "alias-", "example.com", "team"])
        {
            Assert.Contains(secret, pages.Second, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, stored, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Where_a_page_has_many_models_a_configured_one_chooses_its_rows()
    {
        var pages = new EnginePages("triton");
        var settings = pages.Settings with { Model = "preprocessing" };
        var two = pages.Read(pages.Read(pages.Fresh(), pages.First, 10, settings).State, pages.Second, 20, settings);
        Assert.Equal(["preprocessing"], EnginePages.Totals(two).Keys);
        Assert.Equal(8, EnginePages.Totals(two)["preprocessing"].Requests);

        var wrong = pages.Read(pages.Fresh(), pages.First, 10, pages.Settings with { Model = "llama" });
        Assert.Equal(ErrorClass.WrongContent, wrong.Error);
        Assert.Contains("preprocessing, tensorrt_llm", wrong.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public void A_counter_under_its_old_and_its_new_name_counts_once_also_when_the_new_name_turns_up_late()
    {
        var pages = new EnginePages("prometheus");
        static string Old(string page) => string.Join('\n', page.Split('\n').Where(l => !l.Contains("_v2", StringComparison.Ordinal)));
        var one = pages.Read(pages.Fresh(), Old(pages.First), 10);
        var two = pages.Read(one.State, pages.Second, 20);
        var three = pages.Read(two.State, pages.Second.Replace("answer_tokens_v2 966", "answer_tokens_v2 969", StringComparison.Ordinal).Replace("answer_tokens 577", "answer_tokens 580", StringComparison.Ordinal), 30);
        Assert.Equal((77, 3), (EnginePages.Totals(two)["mine"].OutputTokens, EnginePages.Totals(three)["mine"].OutputTokens));
    }

    [Fact]
    public void Latencies_in_milliseconds_have_their_bounds_in_seconds()
    {
        var buckets = new EnginePages("prometheus").ReadBoth().State.Baselines.Values.Single(b => b.Histogram is not null).Histogram!;
        Assert.Equal([0.1, 1, 10], buckets.Bounds);
        Assert.Equal(43_500_000, buckets.SumMicros);
    }

    [Fact]
    public void A_changed_map_is_another_origin_whose_past_nobody_watched()
    {
        var pages = new EnginePages("prometheus");
        var changed = pages.Settings with { Families = new Dictionary<string, string> { ["requests"] = "other_total" } };
        Assert.NotEqual(EngineSource.AdapterOf(pages.Settings).Origin, EngineSource.AdapterOf(changed).Origin);
    }

    [Theory]
    [InlineData("requests", "a_total{path=\"/x\",code!=\"404|429\"} or b_total", null)]
    [InlineData("response_time", "lat us", null)]
    [InlineData("kv_cache_percent", "kv percent", null)]
    [InlineData("input_tokens", "size sum", null)]
    [InlineData("requests", "a b c", "is no family")]
    [InlineData("requests", "a{path=/x}", "rows that cannot be read")]
    [InlineData("response_time", "lat minutes", "s, ms or us")]
    [InlineData("kv_cache_percent", "kv ms", "ratio or percent")]
    [InlineData("running", "busy sum", "has none")]
    [InlineData("requests", "a ms", "sum or count")]
    [InlineData("requests", "process_start_time_seconds", "is no family")]
    public void A_users_map_is_checked_entry_by_entry(string figure, string text, string? problem)
    {
        var found = FamilyMap.ProblemOf(figure, text);
        Assert.Equal(problem is null, found is null);
        Assert.Contains(problem ?? "", found ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_that_is_one_JSON_string_is_read()
    {
        var pages = new EnginePages("llamacpp");
        Assert.Equal(pages.Expected, EnginePages.Render(pages.ReadBoth(page => System.Text.Json.JsonSerializer.Serialize(page))));
    }
}
