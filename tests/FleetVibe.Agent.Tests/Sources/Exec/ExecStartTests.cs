using System.Globalization;
using System.Text;
using FleetVibe.Agent.Sources.Exec;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Sources.Exec;

/// <summary>A command's counters beside start times that are true, wander a little, or are nonsense.</summary>
public class ExecStartTests
{
    private const int Interval = 10;

    private static readonly ExecSourceSettings Settings = new() { Argv = ["/opt/collect"], Output = ExecOutput.LineProtocol };

    [Theory]
    [InlineData(1.00001, 40_000)]
    [InlineData(1.04, 40_000)]
    [InlineData(0.96, 40_000)]
    [InlineData(1.2, 40_000)]
    [InlineData(1.2, 3)]
    [InlineData(0.8, 3)]
    public void An_uptime_that_wanders_a_little_is_of_the_same_start(double rate, double age)
    {
        var pages = Run(Enumerable.Range(0, 40), i => $"requests={1000 + (7 * i)}i,uptime_s={Text((age + (i * Interval)) * rate)}");

        Assert.All(pages.Skip(1), page => Assert.Equal((7, 0, 0), (Requests(page), page.SamplesSkipped, page.Restarts)));
    }

    [Fact]
    public void An_uptime_in_milliseconds_is_skipped_and_named_and_the_counters_go_on()
    {
        var pages = Run(Enumerable.Range(0, 40), i => $"requests={1000 + (7 * i)}i,uptime_s={Text(1000 * (600 + (i * Interval)))}");

        Assert.All(pages.Skip(1), page => Assert.Equal((7, 1, 0), (Requests(page), page.SamplesSkipped, page.Restarts)));
        Assert.Equal("uptime_s = 610000, which runs much faster than the clock: seconds are wanted", pages[1].SkippedWhy);
    }

    [Theory]
    [InlineData("start_time=1890000000", "start_time = 1890000000, by which it began in the future")]
    [InlineData("start_time=-5", "start_time = -5, by which it began before 1970")]
    [InlineData("uptime_s=-500", "uptime_s = -500, by which it began in the future")]
    [InlineData("uptime_s=3000000000", "uptime_s = 3000000000, by which it began before 1970")]
    public void A_start_that_is_impossible_is_skipped_and_named_and_the_counters_go_on(string field, string why)
    {
        var pages = Run(Enumerable.Range(0, 5), i => $"requests={1000 + (7 * i)}i,{field}");

        Assert.Equal(0, Requests(pages[0]));
        Assert.All(pages, page => Assert.Equal((1, why), (page.SamplesSkipped, page.SkippedWhy)));
        Assert.All(pages.Skip(1), page => Assert.Equal((7, 0), (Requests(page), page.Restarts)));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    public void A_start_that_is_another_one_at_every_look_never_counts_twice_and_soon_holds_up_nothing(int nonsense, int held)
    {
        var pages = Run(Enumerable.Range(0, 12), i => $"requests={1000 + (7 * i)}i," + nonsense switch
        {
            // The present time, a constant, and something that jumps about in the past.
            0 => $"start_time={Text(At(i * Interval).ToUnixTimeSeconds())}",
            1 => "uptime_s=4",
            _ => $"uptime_s={Text(50_000 + (i * i * 1000))}",
        });

        Assert.All(pages.Skip(1).Take(held - 1), page => Assert.Equal(0, Requests(page)));
        Assert.All(pages.Skip(held), page => Assert.Equal((7, 1), (Requests(page), page.SamplesSkipped)));
        Assert.EndsWith("by which its start is another one at every look", pages[^1].SkippedWhy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_few_servers_that_answer_in_turn_count_nothing()
    {
        (int Age, int Requests)[] servers = [(5000, 100), (90_000, 70_000), (30_000, 9000)];
        var pages = Run(Enumerable.Range(0, 30), i => $"requests={servers[i % 3].Requests + i}i,uptime_s={servers[i % 3].Age + (i * Interval)}");

        Assert.All(pages, page => Assert.Equal((0, 0), (Requests(page), page.Restarts)));
    }

    [Fact]
    public void A_restart_counts_whole_also_where_the_clock_of_the_uptime_runs_apart()
    {
        var pages = Run(Enumerable.Range(0, 20), i => i < 10
            ? $"requests={1000 + (7 * i)}i,uptime_s={Text((5000 + (i * Interval)) * 1.1)}"
            : $"requests={2000 + (7 * (i - 10))}i,uptime_s={Text((4 + ((i - 10) * Interval)) * 1.1)}");

        Assert.Equal((2000, 1), (Requests(pages[10]), pages[10].Restarts));
        Assert.All(pages.Skip(1).Where((_, i) => i != 9), page => Assert.Equal((7, 0), (Requests(page), page.Restarts)));
    }

    [Fact]
    public void An_agent_that_starts_again_believes_what_it_believed()
    {
        var adapter = ExecSource.AdapterOf(Settings);
        var first = Run(Enumerable.Range(0, 2), i => $"requests={1000 + i}i,uptime_s={3 + (i * Interval)}");
        var again = CounterState.Load(first[^1].State.ToCheckpoint(), adapter.Origin, At(-100), false, At(20));
        var page = adapter.Read(again, new FetchedPage(Encoding.UTF8.GetBytes("llm,model=m requests=1009i,uptime_s=20\n"), null, At(20)));

        Assert.Equal((8, 0), (Requests(page), page.Restarts));
    }

    private static List<PolledPage> Run(IEnumerable<int> looks, Func<int, string> fields)
    {
        var adapter = ExecSource.AdapterOf(Settings);
        var state = new CounterState(adapter.Origin, At(-100));
        var pages = new List<PolledPage>();
        foreach (var i in looks)
        {
            pages.Add(adapter.Read(state, new FetchedPage(Encoding.UTF8.GetBytes($"llm,model=m {fields(i)}\n"), null, At(i * Interval))));
            state = pages[^1].State;
        }

        return pages;
    }

    private static long Requests(PolledPage page) => page.Deltas.Sum(delta => delta.Totals.Requests);

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
