namespace FleetVibe.Chaos.Tests.Campaigns;

/// <summary>Starts whole fleets for minutes, and may compile builds that are broken on purpose: only where it is asked for, as CI does.</summary>
internal sealed class CampaignFactAttribute : FactAttribute
{
    public CampaignFactAttribute() => Skip = CampaignTheoryAttribute.WhyNot;
}

/// <inheritdoc cref="CampaignFactAttribute"/>
internal sealed class CampaignTheoryAttribute : TheoryAttribute
{
    public CampaignTheoryAttribute() => Skip = WhyNot;

    internal static string? WhyNot => Environment.GetEnvironmentVariable("FLEETVIBE_CAMPAIGNS") is "1"
        ? null
        : "campaigns of several minutes, which CI runs: set FLEETVIBE_CAMPAIGNS=1";
}
