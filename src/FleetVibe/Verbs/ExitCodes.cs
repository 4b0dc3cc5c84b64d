namespace FleetVibe.Verbs;

/// <summary>What the process returns; part of the product's promises.</summary>
internal static class ExitCodes
{
    public const int Ok = 0;

    /// <summary>A verdict, a probe or the replay failed, or a role ended by itself.</summary>
    public const int VerdictFailed = 1;

    /// <summary>The configuration or the command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>A role could not start.</summary>
    public const int StartFailed = 3;

    /// <summary>The fleet that was asked does not answer.</summary>
    public const int Unreachable = 3;

    public const string Help = """
        Exit codes: 0 done; 1 a verdict, a probe or the replay failed, or a role ended by itself; 2 the configuration
        or the command line is wrong; 3 a role could not start, or the fleet that was asked does not answer.
        Ctrl-C and SIGTERM stop in order and return 0; a second one kills.
        """;
}
