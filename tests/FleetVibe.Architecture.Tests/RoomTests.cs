using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace FleetVibe.Architecture.Tests;

/// <summary>The arrows between rooms point as ARCHITECTURE.md draws them, and nowhere else.</summary>
public partial class RoomTests
{
    private static readonly Dictionary<string, string[]> Drawn = new(StringComparer.Ordinal)
    {
        ["FleetVibe.Metrics"] = [],
        ["FleetVibe.Protocol"] = ["FleetVibe.Metrics"],
        ["FleetVibe.Agent"] = ["FleetVibe.Protocol"],
        ["FleetVibe.Aggregator"] = ["FleetVibe.Protocol"],
        ["FleetVibe.Gateway"] = ["FleetVibe.Protocol"],
        ["FleetVibe.Dashboard"] = ["FleetVibe.Protocol"],
        ["FleetVibe.Simulator"] = ["FleetVibe.Protocol"],
        ["FleetVibe"] = ["FleetVibe.Agent", "FleetVibe.Aggregator", "FleetVibe.Gateway", "FleetVibe.Dashboard", "FleetVibe.Simulator"],
    };

    public static TheoryData<string> Rooms() => [.. Drawn.Keys];

    [Fact]
    public void Every_room_is_drawn() =>
        Assert.Equal(
            Drawn.Keys.Order(StringComparer.Ordinal),
            Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Rooms))]
    public void A_project_references_exactly_what_is_drawn(string room)
    {
        var project = XDocument.Load(Path.Combine(Repository.Root, "src", room, room + ".csproj"));
        var references = project.Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!));

        Assert.Equal(Drawn[room].Order(StringComparer.Ordinal), references.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Rooms))]
    public void An_assembly_uses_no_room_beyond_its_arrows(string room)
    {
        var reachable = Reachable(room);
        var used = Assembly.Load(room == "FleetVibe" ? "fleetvibe" : room).GetReferencedAssemblies()
            .Select(name => name.Name!).Where(Drawn.ContainsKey);

        Assert.Empty(used.Except(reachable));
    }

    [Fact]
    public void Metrics_uses_nothing_but_the_base_library()
    {
        string[] allowed = ["System.Runtime", "System.Collections", "System.Memory", "System.Linq", "System.Runtime.Numerics", "System.Runtime.InteropServices",
            "System.Text.Encoding.Extensions", "System.Collections.Immutable", "System.Threading", "System.Text.Json"];

        Assert.Empty(Assembly.Load("FleetVibe.Metrics").GetReferencedAssemblies().Select(name => name.Name!).Except(allowed));
    }

    [Fact]
    public void The_picture_in_ARCHITECTURE_md_names_every_room()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "ARCHITECTURE.md"));

        Assert.All(Drawn.Keys, room => Assert.Contains(room, page, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_path_in_the_documents_exists()
    {
        var pages = Directory.EnumerateFiles(Repository.Root, "*.md")
            .Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md"))
            .Concat(Drawn.Keys.Select(room => Path.Combine(Repository.Root, "src", room, "README.md")).Where(File.Exists))
            .Where(page => Path.GetFileName(page) != "CHANGELOG.md");
        var missing = new List<string>();
        foreach (var page in pages)
        {
            foreach (Match match in BacktickedPath().Matches(File.ReadAllText(page)))
            {
                var path = match.Groups[1].Value;
                if (!Exists(Repository.Root, path) && !Exists(Path.GetDirectoryName(page)!, path))
                {
                    missing.Add($"{Repository.Relative(page)}: {path}");
                }
            }
        }

        Assert.Empty(missing);
    }

    [Fact]
    public void Source_files_keep_the_line_budget()
    {
        var tooLong = Repository.SourceFiles("src").Select(path => (path, lines: File.ReadLines(path).Count())).Where(f => f.lines > 400)
            .Concat(Repository.SourceFiles("tests").Select(path => (path, lines: File.ReadLines(path).Count())).Where(f => f.lines > 600))
            .Select(f => $"{Repository.Relative(f.path)}: {f.lines}");

        Assert.Empty(tooLong);
    }

    private static bool Exists(string folder, string path) => File.Exists(Path.Combine(folder, path)) || Directory.Exists(Path.Combine(folder, path));

    private static HashSet<string> Reachable(string room)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>(Drawn[room]);
        while (open.TryPop(out var next))
        {
            if (found.Add(next))
            {
                foreach (var further in Drawn[next])
                {
                    open.Push(further);
                }
            }
        }

        return found;
    }

    // A backticked word with a slash and a known ending, or a folder of the repository.
    [GeneratedRegex(@"`((?:src|tests|deploy|docs|protos|\.ci)/[A-Za-z0-9_./-]*|[A-Za-z0-9_./-]+/[A-Za-z0-9_.-]+\.(?:cs|proto|toml|sh|md|html|js|css|service))`")]
    private static partial Regex BacktickedPath();
}
