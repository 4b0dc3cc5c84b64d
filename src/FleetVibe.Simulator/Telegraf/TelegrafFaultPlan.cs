namespace FleetVibe.Simulator.Telegraf;

/// <summary>Which write fails how: first what was queued, then by seeded chance. Thread safe.</summary>
internal sealed class TelegrafFaultPlan
{
    private readonly Lock _lock = new();
    private readonly Queue<TelegrafFault> _queue = new();
    private readonly Random _random;
    private IReadOnlyDictionary<TelegrafFault, double> _probabilities;

    public TelegrafFaultPlan(int seed, IReadOnlyDictionary<TelegrafFault, double> probabilities)
    {
        _random = new Random(seed);
        _probabilities = Checked(probabilities);
    }

    public void Enqueue(IEnumerable<TelegrafFault> faults)
    {
        lock (_lock)
        {
            foreach (var fault in faults)
            {
                _queue.Enqueue(fault);
            }
        }
    }

    /// <summary>What was queued and has not struck yet will not.</summary>
    public void Forget()
    {
        lock (_lock)
        {
            _queue.Clear();
        }
    }

    public void SetProbabilities(IReadOnlyDictionary<TelegrafFault, double> probabilities)
    {
        lock (_lock)
        {
            _probabilities = Checked(probabilities);
        }
    }

    public TelegrafFault Next()
    {
        lock (_lock)
        {
            if (_queue.TryDequeue(out var scripted))
            {
                return scripted;
            }

            var draw = _random.NextDouble();
            foreach (var (fault, probability) in _probabilities.OrderBy(pair => pair.Key))
            {
                draw -= probability;
                if (draw < 0)
                {
                    return fault;
                }
            }

            return TelegrafFault.None;
        }
    }

    private static IReadOnlyDictionary<TelegrafFault, double> Checked(IReadOnlyDictionary<TelegrafFault, double> probabilities) =>
        probabilities.Values.All(p => p >= 0) && probabilities.Values.Sum() <= 1 + 1e-9
            ? probabilities
            : throw new ArgumentException("probabilities of faults are not negative, and their sum is at most 1");
}
