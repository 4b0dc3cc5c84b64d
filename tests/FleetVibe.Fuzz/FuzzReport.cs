using System.Globalization;
using System.Text;

namespace FleetVibe.Fuzz;

/// <summary>The page that says what the last long run came to.</summary>
internal static class FuzzReport
{
    /// <param name="before">The page as it stands; its rows of readers that were not run now stay.</param>
    public static string Of(ulong seed, IReadOnlyList<FuzzResult> results, string before)
    {
        var rows = before.Split('\n').Where(l => l.StartsWith("| ", StringComparison.Ordinal)).ToDictionary(l => l.Split(' ')[1]);
        foreach (var r in results)
        {
            rows[r.Target] = string.Create(
                CultureInfo.InvariantCulture,
                $"| {r.Target} | {seed} | {r.Inputs:N0} | {r.Found:N0} | {r.Slowest.TotalMilliseconds:0.0} ms | {r.MostAllocated / 1024.0:N0} KiB | {(r.Findings.Count == 0 ? "none" : string.Join("; ", r.Findings))} |");
        }

        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"""
            # Fuzzing the readers

            Every reader of what others wrote is given damaged inputs. None may raise an exception, take longer than {FuzzRunner.MaxTime.TotalSeconds:0} s, or allocate more than {FuzzRunner.MaxBytes >> 20} MiB.
            A seed and a number make the same input on any machine. A short form runs with the tests (`tests/FleetVibe.Tests/FuzzTests.cs`); the long form writes this page:

            ```
            dotnet run -c Release --project tests/FleetVibe.Fuzz -- --report docs/fuzz.md          # [--target NAME]... [--inputs N] [--seed N]
            dotnet run -c Release --project tests/FleetVibe.Fuzz -- --target toml --show 4711       # one input, as it is
            ```

            | reader | seed | inputs | read in them | slowest input | most allocated by one | findings |
            |---|---|---:|---:|---:|---:|---|

            """);
        foreach (var row in FuzzTargets.All.Where(t => rows.ContainsKey(t.Name)))
        {
            page.Append(rows[row.Name]).Append('\n');
        }

        return page.ToString();
    }
}
