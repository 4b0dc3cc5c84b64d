using System.CommandLine;
using FleetVibe.Fuzz;

// Seeded runs over every reader; docs/fuzz.md says how to call it.
var targets = new Option<string[]>("--target") { Description = $"Readers, all without it: {string.Join(", ", FuzzTargets.All.Select(t => t.Name))}." };
var inputs = new Option<long?>("--inputs") { Description = "Inputs for each; without it the long form." };
var seed = new Option<ulong>("--seed") { Description = "Seed.", DefaultValueFactory = _ => 20_261_124 };
var show = new Option<long?>("--show") { Description = "Only writes the input of that number to standard output." };
var report = new Option<string?>("--report") { Description = "Page to write the result to." };
var command = new RootCommand("Throws damaged inputs at the readers.") { targets, inputs, seed, show, report };
command.SetAction(result =>
{
    var names = result.GetValue(targets) is { Length: > 0 } some ? some : [.. FuzzTargets.All.Select(t => t.Name)];
    var chosen = FuzzTargets.All.Where(t => names.Contains(t.Name, StringComparer.Ordinal)).ToList();
    if (result.GetValue(show) is { } number)
    {
        using var output = Console.OpenStandardOutput();
        output.Write(new Mutator(result.GetValue(seed), chosen[0]).Make(number));
        return 0;
    }

    var results = new List<FuzzResult>();
    foreach (var target in chosen)
    {
        var runner = new FuzzRunner(target, result.GetValue(seed), TimeProvider.System);
        var last = -1L;

        // A reader that never comes back cannot be stopped, but it can be named.
        using var watch = TimeProvider.System.CreateTimer(
            _ =>
            {
                if (runner.Current == last)
                {
                    Console.Error.WriteLine($"{target.Name} input {last} takes more than 10 s");
                }

                last = runner.Current;
            },
            null, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10));
        var done = runner.Run(result.GetValue(inputs) ?? target.LongInputs);
        results.Add(done);
        Console.WriteLine($"{done.Target}: {done.Inputs} inputs, {done.Found} read, slowest {done.Slowest.TotalMilliseconds:0.0} ms, most {done.MostAllocated} bytes, {done.Findings.Count} findings");
        foreach (var finding in done.Findings)
        {
            Console.WriteLine($"  {finding}");
        }
    }

    if (result.GetValue(report) is { } page)
    {
        File.WriteAllText(page, FuzzReport.Of(result.GetValue(seed), results, File.Exists(page) ? File.ReadAllText(page) : ""));
    }

    return results.Any(r => r.Findings.Count > 0) ? 1 : 0;
});
return command.Parse(args).Invoke();
