namespace FleetVibe.Chaos.Tests.Campaigns;

/// <summary>Compiles three broken builds and runs at least four campaigns, several minutes on two cores: only where it is asked for.</summary>
internal sealed class BrokenBuildFactAttribute : FactAttribute
{
    public BrokenBuildFactAttribute() => Skip = BrokenBuildTheoryAttribute.WhyNot;
}

/// <inheritdoc cref="BrokenBuildFactAttribute"/>
internal sealed class BrokenBuildTheoryAttribute : TheoryAttribute
{
    public BrokenBuildTheoryAttribute() => Skip = WhyNot;

    internal static string? WhyNot => Environment.GetEnvironmentVariable("FLEETVIBE_BROKEN_BUILDS") is "1"
        ? null
        : "compiles three broken builds and runs their campaigns, several minutes: set FLEETVIBE_BROKEN_BUILDS=1";
}
