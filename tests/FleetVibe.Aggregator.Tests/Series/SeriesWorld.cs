using FleetVibe.Aggregator.Series;
using FleetVibe.Aggregator.Tests.Doubles;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;

namespace FleetVibe.Aggregator.Tests.Series;

/// <summary>Bugs that the model must notice.</summary>
internal enum Mutant
{
    None,

    /// <summary>The owner settles a contribution that is only merged.</summary>
    AckMemory,

    /// <summary>The loser of a swap keeps its sums and goes on from the newer revision.</summary>
    NoSet,

    /// <summary>The gateway does not compare revisions.</summary>
    NoCas,
}

/// <summary>
/// Three hosts, two owners that both believe to be the only one, and one commit log, over a network that loses, repeats
/// and reorders. Everything follows from the seed.
/// </summary>
internal sealed class SeriesWorld
{
    private static readonly string[] Hosts = ["a", "b", "c"];
    private static readonly WindowLevel[] Levels = [WindowLevel._10S, WindowLevel._10S, WindowLevel._10S, WindowLevel._1M, WindowLevel._5M];
    private static readonly int[] Ages = [0, 0, 1, 1, 2, 7, 30];

    private readonly Random _random;
    private readonly Mutant _mutant;
    private readonly ModelGateway _gateway;
    private readonly SeriesRules _rules = new();
    private readonly List<Action> _net = [];
    private readonly SeriesState[] _owners;
    private readonly Dictionary<RecordKey, (MergeContribution Message, SeriesTotals Totals)> _truth = [];
    private readonly Dictionary<RecordKey, MergeContribution> _outstanding = [];
    private readonly Dictionary<RecordKey, Fate> _told = [];
    private DateTimeOffset _now = DateTimeOffset.UnixEpoch.AddSeconds(1_000_000);
    private long _lastStart;
    private int _view;
    private ulong _seq;
    private bool _isCalm;

    public SeriesWorld(int seed, Mutant mutant = Mutant.None)
    {
        _random = new Random(seed);
        _mutant = mutant;
        _gateway = new ModelGateway
        {
            Truth = record => _truth[record].Totals,
            SkipsRevision = mutant == Mutant.NoCas,
            SkipsSum = mutant is Mutant.NoCas or Mutant.NoSet,
            SkipsFates = mutant is Mutant.NoCas or Mutant.NoSet,
        };
        _owners = new SeriesState[2];
        Restart(0);
        Restart(1);
    }

    private Moment Now => Clock.At(_now);

    public int LostSwaps => _gateway.LostSwaps;

    public int Commits => _gateway.Commits;

    /// <exception cref="InvalidOperationException">A promise was broken.</exception>
    public void Run(int steps)
    {
        for (var i = 0; i < steps; i++)
        {
            Step();
        }

        Calm();
        Check();
    }

    private void Step()
    {
        _now += TimeSpan.FromMilliseconds(_random.Next(700));
        if (Chance(0.25))
        {
            Produce();
        }

        if (_outstanding.Count > 0 && Chance(0.5))
        {
            Offer(_outstanding.ElementAt(_random.Next(_outstanding.Count)).Value, Chance(0.1) ? 1 - _view : _view);
        }

        for (var i = 0; i < 3; i++)
        {
            DeliverOne();
        }

        var owner = _random.Next(2);
        if (Chance(0.3))
        {
            Feed(owner, state => state.Tick(Now));
        }

        if (Chance(0.05))
        {
            var host = Hosts[_random.Next(Hosts.Length)];
            Feed(owner, state => state.Declare(new DeclareHost { Series = Wire.Series, Host = host }, Now));
        }

        if (Chance(0.02))
        {
            Restart(owner);
        }

        if (Chance(0.02))
        {
            _view = 1 - _view;
        }

        if (Chance(0.003))
        {
            _gateway.Horizon = Math.Max(_gateway.Horizon, WindowClock.StartOf(_now) - 200);
        }
    }

    private void Calm()
    {
        _isCalm = true;
        for (var i = 0; i < 2000; i++)
        {
            _now += TimeSpan.FromMilliseconds(500);
            if (i % 8 == 0)
            {
                foreach (var message in _outstanding.Values.ToList())
                {
                    Offer(message, _view);
                }
            }

            Feed(0, state => state.Tick(Now));
            Feed(1, state => state.Tick(Now));
            for (var n = 0; n < 1000 && _net.Count > 0; n++)
            {
                DeliverOne();
            }

            if (_outstanding.Count == 0 && _net.Count == 0 && _gateway.Windows.Values.All(IsSettled))
            {
                return;
            }
        }

        throw new InvalidOperationException(
            $"does not come to rest: {_outstanding.Count} records without a fate, {_gateway.Windows.Values.Count(window => !IsSettled(window))} windows not final");
    }

    // A window that fell below the horizon can become final no more; those of hosts without traffic go on for ever.
    private bool IsSettled(WindowState window) =>
        window.Final || window.Key.Start + WindowLevels.SecondsOf(window.Key.Level) <= _gateway.Horizon || window.Key.Start > _lastStart;

    private void Check()
    {
        foreach (var (record, fate) in _told)
        {
            Require(_gateway.FateOf(record, Wire.Series) == fate, $"record {record} changed its fate");
        }

        var committed = _truth.Where(entry => _gateway.FateOf(entry.Key, Wire.Series) == Fate.Committed).Sum(entry => entry.Value.Totals.Requests);
        var windows = _gateway.Windows.Values.Sum(window => (long)window.Totals.Requests);
        Require(committed == windows, $"{committed} requests have the fate committed, the windows hold {windows}");
        Require(_told.Count == _truth.Count && _gateway.Fates == _truth.Count, "a record without exactly one fate");
        foreach (var (key, window) in _gateway.Windows)
        {
            Require(_gateway.Remerge(window.Key, record => _truth[record].Totals).AsSpan().SequenceEqual(Google.Protobuf.MessageExtensions.ToByteArray(window.Totals)),
                $"window {key.Start}: equal fates give other bytes");
        }
    }

    private void Produce()
    {
        var host = Hosts[_random.Next(Hosts.Length)];
        var level = Levels[_random.Next(Levels.Length)];
        var start = WindowLevels.StartOf(level, WindowClock.StartOf(_now) - (10 * Ages[_random.Next(Ages.Length)]));
        var totals = Wire.Totals(_random.Next(4), seconds: 0.001 * (1 + _random.Next(5000)));
        if (Chance(0.3))
        {
            totals.ResponseTime.AddClassic([0.1, 1, 10], [1, 2, 0, 1], 12_345_678);
            totals.Requests += 4;
        }

        var message = Wire.Merge(host, ++_seq, start, totals, level: level);
        var record = RecordKey.FromWire(message.Record);
        _truth[record] = (message, totals);
        _outstanding[record] = message;
        _lastStart = Math.Max(_lastStart, start);
    }

    private void Offer(MergeContribution message, int owner) => Send(() => Feed(owner, state => state.Merge(message, "session", Now)));

    private void Restart(int owner)
    {
        _owners[owner] = new SeriesState(Wire.Series, _rules);
        Feed(owner, state => state.Start());
    }

    private void Feed(int owner, Action<SeriesState> input)
    {
        var state = _owners[owner];
        input(state);
        foreach (var effect in state.TakeEffects())
        {
            Run(owner, state, effect);
        }
    }

    private void Run(int owner, SeriesState state, SeriesEffect effect)
    {
        switch (effect)
        {
            case SeriesEffect.LoadOpen:
                Call(owner, state, () => _gateway.LoadOpen(Wire.Series), (s, reply) => s.OpenWindowsLoaded(reply, Now), s => s.OpenWindowsFailed(Now));
                break;
            case SeriesEffect.Load load:
                Call(owner, state, () => _gateway.Load(load.Window.ToWire(Wire.Series)),
                    (s, window) => s.WindowLoaded(load.Window, load.Ticket, window, Now),
                    s => s.WindowLoadFailed(load.Window, load.Ticket, Now));
                break;
            case SeriesEffect.Commit commit:
                Call(owner, state, () => Commit(commit.Request), (s, reply) => Answered(s, commit, reply), s => s.CommitFailed(commit.Window, commit.Ticket, Now));
                break;
            case SeriesEffect.Refuse refuse:
                Call(owner, state, () => _gateway.Refuse(refuse.Request), (_, reply) => Send(() => Settle(RecordKey.FromWire(refuse.Request.Part.Record), reply.Fate)), _ => { });
                break;
            case SeriesEffect.Answer { Message: ContributionSettled settled }:
                Send(() => Settle(RecordKey.FromWire(settled.Record), settled.Fate));
                break;
            case SeriesEffect.Answer { Message: ContributionHeld held } when _mutant == Mutant.AckMemory:
                Send(() => Settle(RecordKey.FromWire(held.Record), Fate.Committed));
                break;
            case SeriesEffect.Alarm alarm:
                throw new InvalidOperationException(alarm.Text);
            default:
                break;
        }
    }

    private CommitReply Commit(CommitRequest request)
    {
        if (_mutant == Mutant.NoSet && _gateway.Windows.TryGetValue((Wire.Series, request.Key.Level, request.Key.Start), out var window) && window.Revision != request.BaseRevision)
        {
            request.BaseRevision = window.Revision;
            return new CommitReply { Outcome = CommitReply.Types.Outcome.Lost };
        }

        return _gateway.Commit(request);
    }

    private void Answered(SeriesState state, SeriesEffect.Commit commit, CommitReply reply)
    {
        if (_mutant == Mutant.NoSet && reply.Outcome == CommitReply.Types.Outcome.Lost)
        {
            // Keeps what it has merged, and takes the revision that won for its own.
            reply = _gateway.Commit(commit.Request);
        }

        state.CommitAnswered(commit.Window, commit.Ticket, commit.Request, reply, Now);
    }

    private void Settle(RecordKey record, Fate fate)
    {
        Require(_gateway.FateOf(record, Wire.Series) == fate, $"record {record} was settled as {fate} and has the fate {_gateway.FateOf(record, Wire.Series)}");
        Require(_told.TryAdd(record, fate) || _told[record] == fate, $"record {record} was told two fates");
        _outstanding.Remove(record);
    }

    // A call answers once or fails, and where it fails nobody knows whether it took effect.
    private void Call<T>(int owner, SeriesState caller, Func<T> request, Action<SeriesState, T> answered, Action<SeriesState> failed)
    {
        void Back(Action<SeriesState> input) => _net.Add(() =>
        {
            if (_owners[owner] == caller)
            {
                Feed(owner, input);
            }
        });

        if (Chance(0.08))
        {
            Back(failed);
            return;
        }

        _net.Add(() =>
        {
            var reply = request();
            if (Chance(0.08))
            {
                Back(failed);
            }
            else
            {
                Back(state => answered(state, reply));
            }
        });
    }

    private void Send(Action message)
    {
        if (Chance(0.1))
        {
            return;
        }

        _net.Add(message);
        if (Chance(0.1))
        {
            _net.Add(message);
        }
    }

    private void DeliverOne()
    {
        if (_net.Count > 0)
        {
            var index = _random.Next(_net.Count);
            (_net[index], _net[^1]) = (_net[^1], _net[index]);
            var message = _net[^1];
            _net.RemoveAt(_net.Count - 1);
            message();
        }
    }

    private bool Chance(double probability) => !_isCalm && _random.NextDouble() < probability;

    private static void Require(bool condition, string what)
    {
        if (!condition)
        {
            throw new InvalidOperationException(what);
        }
    }
}
