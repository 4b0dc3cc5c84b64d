namespace FleetVibe.Chaos.Schedule;

/// <summary>
/// The faults of a seed. Kinds come from a shuffled deck, so that each appears before one repeats; faults overlap, except
/// where two would meet on one process or link, or a second aggregator would be missing from the majority on purpose
/// (only <see cref="FaultKind.RestartAll"/> takes more than one). Pure.
/// </summary>
internal sealed class ScheduleGenerator
{
    private const string Majority = "majority of the aggregators";

    // What was passed over so often waits for its turn no longer: the others wait for it.
    private const int Patience = 8;

    private static readonly TimeSpan Rejoin = TimeSpan.FromSeconds(20);

    private readonly Random _random;
    private readonly FleetShape _shape;
    private readonly List<(FaultKind Kind, int Skipped)> _deck = [];
    private readonly Dictionary<string, TimeSpan> _takenUntil = new(StringComparer.Ordinal);
    private readonly FaultKind[] _kinds;

    private ScheduleGenerator(int seed, FleetShape shape, IEnumerable<FaultKind> kinds)
    {
        _random = new Random(seed);
        _shape = shape;
        _kinds = [.. kinds.Where(k => k != FaultKind.Clock && (!k.NeedsSmallDisk() || HasDisk(k)) && (k != FaultKind.KillPostgres || shape.Store is not null)).Order()];
    }

    /// <param name="count">Faults in all, a wrong clock included.</param>
    /// <param name="pace">Mean time between two faults.</param>
    /// <returns>In the order of their start.</returns>
    public static IReadOnlyList<TimedFault> Generate(int seed, int count, FleetShape shape, IReadOnlyCollection<FaultKind> kinds, TimeSpan pace)
    {
        var generator = new ScheduleGenerator(seed, shape, kinds);
        var faults = new List<TimedFault>();
        if (shape.ClockIsOff is { } agent && kinds.Contains(FaultKind.Clock) && count > 0)
        {
            faults.Add(new TimedFault(1, TimeSpan.Zero, FaultKind.Clock, agent, TimeSpan.Zero, 0));
        }

        var at = TimeSpan.Zero;
        while (faults.Count < count && generator._kinds.Length > 0)
        {
            at += pace * (0.5 + generator._random.NextDouble());
            var fault = generator.Next(at, faults.Count + 1);
            at = fault.At;
            faults.Add(fault);
        }

        return faults;
    }

    private TimedFault Next(TimeSpan at, int number)
    {
        for (var i = 0; ; i++)
        {
            if (i == _deck.Count)
            {
                _deck.AddRange(Shuffled(_kinds).Select(kind => (kind, 0)));
            }

            var (kind, skipped) = _deck[i];
            var fault = Draw(kind, at, number);
            var free = FreeAt(fault);
            if (free <= at || skipped >= Patience || i > 2 * _kinds.Length)
            {
                _deck.RemoveAt(i);
                fault = fault with { At = free > at ? free : at };
                Take(fault);
                return fault;
            }

            _deck[i] = (kind, skipped + 1);
        }
    }

    private TimedFault Draw(FaultKind kind, TimeSpan at, int number)
    {
        var (target, from, to, delayMs) = kind switch
        {
            FaultKind.KillAgent => (Pick(_shape.Agents), 0, 10, 0),
            FaultKind.KillAggregator => (Pick(_shape.Aggregators), 0, 10, 0),
            FaultKind.KillGateway => (PickGateway(), 0, 10, 0),
            FaultKind.StopAgent => (Pick(_shape.Agents), 5, 30, 0),
            FaultKind.StopAggregator => (Pick(_shape.Aggregators), 5, 30, 0),
            FaultKind.StopGateway => (PickGateway(), 5, 30, 0),
            FaultKind.TermAggregator => (Pick(_shape.Aggregators), 0, 5, 0),
            FaultKind.Partition => (Pick(_shape.Aggregators), 5, 25, 0),
            FaultKind.PartitionOneWay => (OneWay(Pick([.. _shape.ClusterLinks])), 5, 25, 0),
            FaultKind.CutAgent => (Pick(_shape.Agents), 5, 30, 0),
            FaultKind.Delay => (PickLink(), 5, 30, 20 + _random.Next(1000)),
            FaultKind.Stall => (PickLink(), 5, 25, 0),
            FaultKind.Reset => (PickLink(), 1, 10, 0),
            FaultKind.HalfOpen => (PickLink(), 10, 40, 0),
            FaultKind.DiskFullAgent => (Pick([.. _shape.SmallDisks.Except(_shape.Gateways)]), 10, 30, 0),
            FaultKind.DiskFullGateway => (_shape.SmallDisks.Intersect(_shape.Gateways).First(), 10, 30, 0),
            FaultKind.Telegraf429 or FaultKind.Telegraf503 or FaultKind.Telegraf400 or FaultKind.TelegrafHang or FaultKind.TelegrafClose => (_shape.Telegraf, 5, 20, 0),
            FaultKind.KillPostgres => (_shape.Store!, 1, 15, 0),
            FaultKind.RestartAll => ("everything", 0, 10, 0),
            FaultKind.RollingUpgrade => ("aggregators", 30, 30, 0),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "is not drawn"),
        };
        return new TimedFault(number, at, kind, target, TimeSpan.FromSeconds(Math.Round(from + ((to - from) * _random.NextDouble()), 1)), delayMs);
    }

    /// <summary>What nobody else may touch meanwhile, and for how long after it is healed.</summary>
    private IEnumerable<(string Name, TimeSpan After)> NeedsOf(TimedFault fault)
    {
        var settle = TimeSpan.FromSeconds(3);
        switch (fault.Kind)
        {
            case FaultKind.KillAgent or FaultKind.StopAgent or FaultKind.KillGateway or FaultKind.StopGateway
                or FaultKind.DiskFullAgent or FaultKind.DiskFullGateway:
                yield return (fault.Target, settle);
                break;
            case FaultKind.KillAggregator or FaultKind.StopAggregator or FaultKind.TermAggregator:
                yield return (fault.Target, Rejoin);
                yield return (Majority, Rejoin);
                break;
            case FaultKind.Partition or FaultKind.PartitionOneWay:
                yield return (Majority, Rejoin);
                break;
            case FaultKind.CutAgent:
                foreach (var link in _shape.Links.Where(link => link.From == fault.Target))
                {
                    yield return (Name(link), settle);
                }

                break;
            case FaultKind.Delay or FaultKind.Reset:
                yield return (fault.Target, settle);
                break;
            case FaultKind.Stall or FaultKind.HalfOpen:
                yield return (fault.Target, settle);
                if (_shape.ClusterLinks.Any(link => Name(link) == fault.Target))
                {
                    yield return (Majority, Rejoin);
                }

                break;
            case FaultKind.RollingUpgrade:
                yield return (Majority, Rejoin);
                break;
            case FaultKind.RestartAll:
                yield return (Majority, Rejoin);
                foreach (var process in _shape.Agents.Concat(_shape.Aggregators).Concat(_shape.Gateways))
                {
                    yield return (process, settle);
                }

                break;
            default:
                yield return (fault.Target, settle);
                break;
        }
    }

    private TimeSpan FreeAt(TimedFault fault) => NeedsOf(fault).Max(need => _takenUntil.GetValueOrDefault(need.Name));

    private void Take(TimedFault fault)
    {
        foreach (var (name, after) in NeedsOf(fault))
        {
            _takenUntil[name] = fault.End + after;
        }
    }

    private bool HasDisk(FaultKind kind) => _shape.SmallDisks.Any(disk => _shape.Gateways.Contains(disk) == (kind == FaultKind.DiskFullGateway));

    // The only one costs no draw: the schedules of seeds stay what they were.
    private string PickGateway() => _shape.Gateways.Count == 1 ? _shape.Gateways[0] : Pick(_shape.Gateways);

    private string PickLink()
    {
        // Each tier of the picture alike, though most links are agents'.
        var tiers = _shape.Links.GroupBy(link => (_shape.Agents.Contains(link.From), _shape.Gateways.Contains(link.To), link.To == _shape.Telegraf)).ToList();
        return Name(Pick([.. Pick(tiers)]));
    }

    private string OneWay((string From, string To) link) => _random.Next(2) == 0 ? Name(link) : Name((link.To, link.From));

    private static string Name((string From, string To) link) => $"{link.From}>{link.To}";

    private T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];

    private FaultKind[] Shuffled(FaultKind[] kinds)
    {
        var copy = kinds.ToArray();
        _random.Shuffle(copy);
        return copy;
    }
}
