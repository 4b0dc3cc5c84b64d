using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Discovery.Files;
using FleetVibe.Agent.Sources;

namespace FleetVibe.Agent.Tests.Discovery;

public sealed class FileFinderTests : IDisposable
{
    private static readonly SourceTemplate Template = new(new VllmSourceSettings { Endpoint = new Uri("http://target/metrics") });

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string At(string name) => Path.Combine(_folder.Path, name);

    private void Write(string name, string target) => File.WriteAllText(At(name), $"[{{\"targets\": [\"{target}\"]}}]");

    private FileFinder Finder(params string[] names) => new(new FileDiscoverySettings { Source = Template, Files = [.. names.Select(At)] });

    private static string[] Addresses(DiscoveryOutcome outcome) => [.. outcome.Targets!.Select(target => target.Address)];

    [Fact]
    public async Task Every_file_that_a_pattern_matches_is_read_in_order()
    {
        Write("b.json", "b:1");
        Write("a.json", "a:1");
        File.WriteAllText(At("c.yml"), "- targets: [c:1]\n");
        File.WriteAllText(At("d.txt"), "not for us");

        var outcome = await Finder("*.json", "*.yaml").LookAsync(default);

        Assert.Equal(["a:1", "b:1"], Addresses(outcome));
        Assert.Equal("", outcome.Problem);
        Assert.Equal(["a:1", "b:1", "c:1"], Addresses(await Finder("*.json", "*.yml").LookAsync(default)));
    }

    [Fact]
    public async Task A_broken_file_keeps_what_it_held_and_the_others_go_on()
    {
        Write("a.json", "a:1");
        Write("b.json", "b:1");
        var finder = Finder("*.json");
        await finder.LookAsync(default);
        File.WriteAllText(At("a.json"), "[{\"targets\": [\"a:2\"");
        Write("b.json", "b:2");

        var outcome = await finder.LookAsync(default);

        Assert.Equal(["a:1", "b:2"], Addresses(outcome));
        Assert.StartsWith($"{At("a.json")}:1:", outcome.Problem, StringComparison.Ordinal);
        Write("a.json", "a:3");
        Assert.Equal(["a:3", "b:2"], Addresses(await finder.LookAsync(default)));
    }

    [Fact]
    public async Task What_a_pattern_matches_no_more_is_gone_and_a_named_file_that_is_missing_is_not()
    {
        Write("a.json", "a:1");
        Write("named.json", "n:1");
        var finder = Finder("a*.json", "named.json");
        await finder.LookAsync(default);
        File.Delete(At("a.json"));
        File.Delete(At("named.json"));

        var outcome = await finder.LookAsync(default);

        Assert.Equal(["n:1"], Addresses(outcome));
        Assert.Contains("named.json does not exist: create it", outcome.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_listed_keeps_what_it_held_and_the_others_go_on()
    {
        Directory.CreateDirectory(At("share"));
        Write("share/a.json", "a:1");
        Write("named.json", "n:1");
        var finder = Finder("share/*.json", "named.json");
        await finder.LookAsync(default);
        Directory.Delete(At("share"), recursive: true);
        Write("named.json", "n:2");

        var outcome = await finder.LookAsync(default);

        Assert.Equal(["n:2", "a:1"], Addresses(outcome));
        Assert.Equal($"{At("share")} cannot be listed (DirectoryNotFoundException): create it, or give user {Environment.UserName} permission to read it", outcome.Problem);
        Directory.CreateDirectory(At("share"));
        Assert.Equal(["n:2"], Addresses(await finder.LookAsync(default)));
    }

    [Fact]
    public async Task A_file_that_was_gone_and_comes_back_broken_holds_nothing()
    {
        Write("a.json", "a:1");
        Write("b.json", "b:1");
        var finder = Finder("*.json");
        await finder.LookAsync(default);
        File.Delete(At("a.json"));
        await finder.LookAsync(default);
        File.WriteAllText(At("a.json"), "[{");

        Assert.Equal(["b:1"], Addresses(await finder.LookAsync(default)));
    }

    [Fact]
    public async Task What_is_too_large_or_not_utf_8_is_no_list()
    {
        using (var large = File.Create(At("large.json")))
        {
            large.SetLength((16 << 20) + 1);
        }

        File.WriteAllBytes(At("latin.json"), [.. "[{\"targets\": [\"a:1\"], \"labels\": {\"env\": \""u8, 0xe9, .. "\"}}]"u8]);

        Assert.Equal(
            $"{At("large.json")}: holds 16777217 bytes, more than 16 MiB: is it a list of targets?; {At("latin.json")} is not UTF-8: save it in that encoding",
            (await Finder("*.json").LookAsync(default)).Problem);
    }

    [Fact]
    public async Task Where_nothing_could_ever_be_read_nothing_is_known()
    {
        var outcome = await Finder("named.json").LookAsync(default);

        Assert.Null(outcome.Targets);
        Assert.Empty((await Finder("*.json").LookAsync(default)).Targets!);
    }

    [Fact]
    public async Task A_link_that_is_swapped_is_followed()
    {
        Write("one.json", "a:1");
        Write("two.json", "b:1");
        File.CreateSymbolicLink(At("targets.json"), At("one.json"));
        var finder = Finder("targets.json");
        Assert.Equal(["a:1"], Addresses(await finder.LookAsync(default)));
        File.CreateSymbolicLink(At("new"), At("two.json"));
        File.Move(At("new"), At("targets.json"), overwrite: true);

        Assert.Equal(["b:1"], Addresses(await finder.LookAsync(default)));
    }
}
