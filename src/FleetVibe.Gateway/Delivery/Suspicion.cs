namespace FleetVibe.Gateway.Delivery;

/// <summary>
/// The search for lines that a receiver refuses without naming them. A single line is condemned only once the same receiver took
/// another line after the search began: a receiver that refuses everything says something about itself, not about the lines.
/// </summary>
internal sealed class Suspicion
{
    /// <summary>So many single lines refused and none taken: the receiver itself is suspect.</summary>
    internal const int ManyRefused = 10;

    private const int MostSuspects = 1000;

    private readonly Stack<long[]> _pieces = [];
    private readonly Dictionary<long, Refusal> _suspects = [];
    private bool _searching;
    private bool _tookOne;

    /// <summary>Ids of refused single lines that wait for a verdict.</summary>
    internal IReadOnlyCollection<long> Suspects => _suspects.Keys;

    internal bool HasPieces => _pieces.Count > 0;

    /// <summary>Nothing was taken so far, and too much was refused to go on at full speed.</summary>
    internal bool DoubtsReceiver => _suspects.Count >= ManyRefused;

    /// <summary>The lines to send next; null where the search is over.</summary>
    internal long[]? NextPiece()
    {
        if (_pieces.TryPop(out var piece))
        {
            return piece;
        }

        _searching = false;
        return null;
    }

    /// <summary>A batch was refused. Returns what is condemned by it.</summary>
    internal IReadOnlyList<Refusal> OnRefused(IReadOnlyList<BatchLine> lines, string reason)
    {
        if (!_searching)
        {
            _searching = true;
            _tookOne = false;
        }

        if (lines.Count > 1)
        {
            var half = lines.Count / 2;
            _pieces.Push([.. lines.Skip(half).Select(l => l.Id)]);
            _pieces.Push([.. lines.Take(half).Select(l => l.Id)]);
            return [];
        }

        var refusal = new Refusal(lines[0], reason);
        if (_tookOne)
        {
            return [refusal];
        }

        if (_suspects.Count >= MostSuspects)
        {
            _suspects.Clear();
        }

        _suspects[refusal.Line.Id] = refusal;
        return [];
    }

    /// <summary>A batch was taken. Returns the suspects, condemned by it.</summary>
    internal IReadOnlyList<Refusal> OnTaken()
    {
        _tookOne = true;
        Refusal[] condemned = [.. _suspects.Values];
        _suspects.Clear();
        return condemned;
    }
}
