namespace FleetVibe.Chaos.Tests.Campaigns;

/// <summary>Tests that start whole fleets want the machine for themselves.</summary>
[CollectionDefinition(nameof(CampaignCollection), DisableParallelization = true)]
public class CampaignCollection;

[Collection(nameof(CampaignCollection))]
public class ShortCampaignTests
{
    [CampaignFact]
    public async Task A_short_campaign_loses_and_doubles_nothing_and_makes_no_window_worse()
    {
        var outcome = await CampaignProcess.RunAsync(null, "--seed", "1", "--faults", "16", "--nodes", "5", "--pace", "4");

        Assert.True(outcome.ExitCode == 0, outcome.Output);
        Assert.Equal((0L, 0L, 0L), (outcome.Report!.Lost, outcome.Report.Duplicated, outcome.Report.Shrunk));
    }
}
