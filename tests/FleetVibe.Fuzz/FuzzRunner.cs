using System.Diagnostics.CodeAnalysis;

namespace FleetVibe.Fuzz;

/// <summary>What a run came to.</summary>
/// <param name="Found">Things read in all inputs; none means that the run only met refusals.</param>
/// <param name="Slowest">Time of the slowest input, the best of three tries.</param>
/// <param name="MostAllocated">Bytes that the greediest input allocated.</param>
/// <param name="Findings">One line for each input that broke a limit, the first few.</param>
internal sealed record FuzzResult(string Target, long Inputs, long Found, TimeSpan Slowest, long MostAllocated, IReadOnlyList<string> Findings);

/// <summary>Throws damaged inputs at a reader: none may raise an exception, take a second, or allocate 64 MiB.</summary>
internal sealed class FuzzRunner(FuzzTarget target, ulong seed, TimeProvider time)
{
    public const long MaxBytes = 64L << 20;
    public static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(1);

    private const int Tries = 3;
    private const int KeptFindings = 10;

    private readonly Mutator _mutator = new(seed, target);
    private readonly FuzzRead _read = target.CreateReader();
    private readonly List<string> _findings = [];
    private long _found;
    private long _mostAllocated;
    private long _current;
    private TimeSpan _slowest;

    /// <summary>Number of the input under way, for whoever watches from another thread.</summary>
    public long Current => Volatile.Read(ref _current);

    public FuzzResult Run(long inputs)
    {
        for (var number = 0L; number < inputs && _findings.Count < KeptFindings; number++)
        {
            Volatile.Write(ref _current, number);
            RunOne(number);
        }

        return new FuzzResult(target.Name, inputs, _found, _slowest, _mostAllocated, _findings);
    }

    private void RunOne(long number)
    {
        var input = _mutator.Make(number);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var started = time.GetTimestamp();
        if (!TryRead(number, input, out var found))
        {
            return;
        }

        var took = time.GetElapsedTime(started);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        _found += found;
        _mostAllocated = Math.Max(_mostAllocated, allocated);
        if (allocated > MaxBytes)
        {
            _findings.Add($"{target.Name} input {number} allocated {allocated} bytes");
        }

        // A machine that is busy elsewhere makes anything slow once.
        for (var more = Tries - 1; took > _slowest && more > 0; more--)
        {
            started = time.GetTimestamp();
            _ = TryRead(number, input, out _);
            var again = time.GetElapsedTime(started);
            took = again < took ? again : took;
        }

        _slowest = took > _slowest ? took : _slowest;
        if (took > MaxTime)
        {
            _findings.Add($"{target.Name} input {number} took {took.TotalSeconds:0.0} s");
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "any exception is a finding")]
    private bool TryRead(long number, byte[] input, out int found)
    {
        found = 0;
        try
        {
            found = _read(input);
            return true;
        }
        catch (Exception e)
        {
            _findings.Add($"{target.Name} input {number} raised {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")} {e.StackTrace?.Split('\n')[0].Trim()}");
            return false;
        }
    }
}
