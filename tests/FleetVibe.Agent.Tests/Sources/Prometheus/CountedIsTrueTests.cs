using CsCheck;
using FleetVibe.Agent.Sources.Prometheus;
using static FleetVibe.Agent.Tests.Sources.Prometheus.Counters;

namespace FleetVibe.Agent.Tests.Sources.Prometheus;

/// <summary>Random lives of a server and an agent: what is counted is the truth where it can be known, and never above it.</summary>
public class CountedIsTrueTests
{
    private const int Keys = 3;

    private enum Starts
    {
        Unknown,
        OfProcess,
        OfSeries,
    }

    private enum What
    {
        Increment,
        Scrape,
        ScrapeLost,
        AgentRestart,
        EngineRestart,
    }

    private sealed record Happening(What What, int Key, int Amount, int Hidden, int Unreadable);

    private static readonly Gen<Happening> Happenings = Gen.Select(
        Gen.Frequency((8, Gen.Const(What.Increment)), (6, Gen.Const(What.Scrape)), (1, Gen.Const(What.ScrapeLost)),
            (1, Gen.Const(What.AgentRestart)), (1, Gen.Const(What.EngineRestart))),
        Gen.Int[0, Keys - 1],
        Gen.Int[1, 50],
        Gen.Frequency((5, Gen.Const(0)), (1, Gen.Int[0, (1 << Keys) - 1])),
        Gen.Frequency((5, Gen.Const(0)), (1, Gen.Int[0, (1 << Keys) - 1])),
        (what, key, amount, hidden, unreadable) => new Happening(what, key, amount, hidden, unreadable));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void With_start_times_the_count_is_what_was_last_seen_of_every_life(int starts) =>
        Gen.Select(Happenings.Array[1, 60], Gen.Int[0, 1000]).Sample(
            (happenings, past) =>
            {
                var life = new Life((Starts)starts, past);
                life.Run(happenings);
                return life.Counted.SequenceEqual(life.Knowable);
            },
            iter: 3000);

    [Fact]
    public void Without_start_times_the_count_is_never_above_the_truth_and_never_negative() =>
        Gen.Select(Happenings.Array[1, 60], Gen.Int[0, 1000]).Sample(
            (happenings, past) =>
            {
                var life = new Life(Starts.Unknown, past);
                life.Run(happenings);
                return life.Counted.Zip(life.Knowable).All(pair => pair.First <= pair.Second && pair.First >= 0)
                    && (life.EngineRestarts > 0 || life.Counted.SequenceEqual(life.Knowable));
            },
            iter: 6000);

    private sealed class Life
    {
        private readonly Starts _starts;
        private readonly long[] _values = new long[Keys];
        private readonly long[] _seen = new long[Keys];
        private readonly long[] _ofEarlierLives = new long[Keys];
        private readonly long?[] _baseline = new long?[Keys];
        private CounterState _state = Fresh(watchedSince: 0);
        private byte[] _stored;
        private double _now = 5;
        private double _started = -3600;

        public Life(Starts starts, long past)
        {
            _starts = starts;
            Array.Fill(_values, past);
            _stored = _state.ToCheckpoint();

            // Everything shows at first sight, so that what appears later is new.
            Scrape(new Happening(What.Scrape, 0, 0, 0, 0), folded: true);
        }

        public long[] Counted { get; } = new long[Keys];

        public int EngineRestarts { get; private set; }

        public IEnumerable<long> Knowable => _ofEarlierLives.Select((past, k) => past + Gained(k));

        public void Run(IEnumerable<Happening> happenings)
        {
            foreach (var happening in happenings)
            {
                _now += 3;
                switch (happening.What)
                {
                    case What.Increment:
                        _values[happening.Key] += happening.Amount;
                        break;
                    case What.Scrape:
                        Scrape(happening, folded: true);
                        break;
                    case What.ScrapeLost:
                        Scrape(happening, folded: false);
                        break;
                    case What.AgentRestart:
                        _state = CounterState.Load(_stored, "origin", At(0), spoolIsFresh: false, At(_now));
                        break;
                    default:
                        RestartEngine();
                        break;
                }
            }
        }

        private long Gained(int key) => _baseline[key] is { } baseline ? _seen[key] - baseline : 0;

        private void RestartEngine()
        {
            EngineRestarts++;
            for (var k = 0; k < Keys; k++)
            {
                _ofEarlierLives[k] += Gained(k);
                (_values[k], _seen[k], _baseline[k]) = (0, 0, 0);
            }

            _started = _now;
        }

        private void Scrape(Happening happening, bool folded)
        {
            var readings = Enumerable.Range(0, Keys).Where(k => (happening.Hidden & (1 << k)) == 0).Select(k =>
                Plain($"k{k}", (happening.Unreadable & (1 << k)) == 0 ? _values[k] : null, _starts == Starts.Unknown ? null : _started, _starts == Starts.OfSeries)).ToArray();
            var step = _state.Read(_now, readings);

            // A report that was lost on its way to the spool is neither counted nor remembered.
            if (!folded)
            {
                _state = CounterState.Load(_stored, "origin", At(0), spoolIsFresh: false, At(_now));
                return;
            }

            _state = step.State;
            _stored = _state.ToCheckpoint();
            foreach (var gain in step.Gains)
            {
                Assert.True(gain.Count >= 0 && gain.From <= At(_now));
                Counted[int.Parse(gain.Reading.Key[1..], System.Globalization.CultureInfo.InvariantCulture)] += gain.Count;
            }

            foreach (var reading in readings.Where(r => r.Total is not null))
            {
                var key = int.Parse(reading.Key[1..], System.Globalization.CultureInfo.InvariantCulture);
                _baseline[key] ??= reading.Total;
                _seen[key] = reading.Total!.Value;
            }
        }
    }
}
