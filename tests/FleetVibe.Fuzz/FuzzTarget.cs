namespace FleetVibe.Fuzz;

/// <summary>Reads one input; gives how many things it found in it, so that a run that only meets refusals is noticed.</summary>
internal delegate int FuzzRead(byte[] input);

/// <summary>One reader under fire.</summary>
/// <param name="LongInputs">Inputs of the long form.</param>
/// <param name="Parts">Good pieces; an input is some of them, damaged.</param>
/// <param name="Tokens">What is put in between: the characters and words that mean something to the reader.</param>
/// <param name="CreateReader">Makes the reader; it lives for a run, as the agent's do.</param>
internal sealed record FuzzTarget(string Name, long LongInputs, IReadOnlyList<string> Parts, IReadOnlyList<string> Tokens, Func<FuzzRead> CreateReader)
{
    /// <summary>Pieces in one input at most.</summary>
    public int MaxParts { get; init; } = 5;
}
