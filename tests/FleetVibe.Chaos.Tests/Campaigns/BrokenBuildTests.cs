namespace FleetVibe.Chaos.Tests.Campaigns;

/// <summary>One campaign over a sound build and over builds that each break one promise, with the same seed and kinds.</summary>
public sealed class BrokenBuilds : IAsyncLifetime
{
    public const string AckBeforeCommit = nameof(AckBeforeCommit);
    public const string NoContributorCheck = nameof(NoContributorCheck);
    public const string CheckpointOutsideTransaction = nameof(CheckpointOutsideTransaction);
    private const string Sound = "";
    private const int Chances = 3;

    // Lost owners and sessions, lost answers, records that come late and twice, agents that begin again at their checkpoints.
    private static readonly string[] Campaign =
        ["--seed", "3", "--faults", "12", "--nodes", "4", "--pace", "3", "--kinds", "kill_agent,kill_aggregator,cut_agent,stall"];

    private readonly Dictionary<string, CampaignOutcome> _outcomes = [];

    public async Task InitializeAsync()
    {
        // A class's fixture is made though all its tests are skipped.
        if (CampaignTheoryAttribute.WhyNot is not null)
        {
            return;
        }

        var binaries = new List<(string Name, string? Path)> { (Sound, null) };
        foreach (var broken in new[] { AckBeforeCommit, NoContributorCheck, CheckpointOutsideTransaction })
        {
            binaries.Add((broken, await CampaignProcess.BuildAsync(broken)));
        }

        foreach (var (name, outcome) in await Task.WhenAll(binaries.Select(async b => (b.Name, await RunAsync(b.Path)))))
        {
            _outcomes.Add(name, outcome);
        }
    }

    private static async Task<CampaignOutcome> RunAsync(string? broken)
    {
        var outcome = await CampaignProcess.RunAsync(broken, Campaign);

        // The seed fixes the schedule, not where in a window a fault falls: a broken build that came through gets another chance to fail.
        for (var again = 1; broken is not null && outcome.ExitCode == 0 && again <= Chances; again++)
        {
            outcome = await CampaignProcess.RunAsync(broken, Campaign);
        }

        return outcome;
    }

    public Task DisposeAsync() => Task.CompletedTask;

    internal CampaignOutcome OfSound() => _outcomes[Sound];

    internal CampaignOutcome Of(string broken) => _outcomes[broken];
}

/// <summary>The oracle sees each broken promise, on a seed where the sound build keeps all of them.</summary>
[Collection(nameof(CampaignCollection))]
public class BrokenBuildTests(BrokenBuilds builds) : IClassFixture<BrokenBuilds>
{
    [CampaignFact]
    public void The_sound_build_keeps_every_promise()
    {
        var sound = builds.OfSound();

        Assert.True(sound.ExitCode == 0, sound.Output);
        Assert.Equal(sound.Report!.Requests, sound.Report.Committed);
    }

    [CampaignTheory]
    [InlineData(BrokenBuilds.AckBeforeCommit)]
    [InlineData(BrokenBuilds.CheckpointOutsideTransaction)]
    public void A_build_that_forgets_too_early_loses_requests(string broken)
    {
        var outcome = builds.Of(broken);

        Assert.True(outcome is { ExitCode: 1, Report.Lost: > 0 }, outcome.Output);
    }

    [CampaignFact]
    public void A_build_that_does_not_look_who_is_in_a_window_counts_twice()
    {
        var outcome = builds.Of(BrokenBuilds.NoContributorCheck);

        Assert.True(outcome is { ExitCode: 1, Report.Duplicated: > 0 }, outcome.Output);
    }
}
