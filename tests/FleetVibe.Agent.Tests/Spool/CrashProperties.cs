using CsCheck;
using FleetVibe.Agent.Accumulating;
using FleetVibe.Agent.Spool;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;
using FleetVibe.Protocol.Windows;
using static FleetVibe.Agent.Tests.Fixtures;

namespace FleetVibe.Agent.Tests.Spool;

/// <summary>Nothing is lost and nothing is there twice, wherever the process is killed.</summary>
public class CrashProperties
{
    private enum Act
    {
        Read,
        Wait,
        WaitLong,
        Store,
        Offer,
        Acknowledge,
        AcknowledgeAgain,
        Crash,
        StoreAndStop,
        Coalesce,
        CoalesceAndCrash,
        Drop,
    }

    private static readonly Gen<(Act Act, int Size)[]> Acts = Gen.Select(
        Gen.Int[0, Enum.GetValues<Act>().Length - 1].Select(act => (Act)act),
        Gen.Int[1, 12]).Array[1, 40];

    private static readonly Gen<int[]> LineTimes = Gen.Int[-40, 120].Array[0, 80];

    [Fact]
    public void Every_line_is_in_exactly_one_acknowledged_record_whatever_crashes() =>
        Gen.Select(LineTimes, Acts).Sample((times, acts) =>
        {
            using var node = new Node(times);
            foreach (var (act, size) in acts)
            {
                node.Do(act, size);
            }

            node.Finish();
        }, iter: 60, threads: 1);

    private sealed class Node : IDisposable
    {
        private readonly TestSpool _spool = new();
        private readonly AgentSettings _settings = Settings(RequestLog);
        private readonly WindowCloser _closer;
        private readonly int[] _times;
        private readonly Dictionary<ulong, RecordContent> _delivered = [];
        private readonly Dictionary<long, (ulong Seq, long Requests)> _points = [];
        private readonly SortedSet<ulong> _offered = [];
        private SequenceRange? _lastAck;
        private AccumulatorState _state;
        private int _read;
        private double _now;
        private long _refused;
        private ulong _highestAcked;

        internal Node(int[] times)
        {
            _times = times;
            _closer = new WindowCloser(_settings);
            _state = State(_settings);
        }

        internal void Do(Act act, int size)
        {
            switch (act)
            {
                case Act.Read:
                    Read(size);
                    break;
                case Act.Wait:
                    _now += size / 2d;
                    break;
                case Act.WaitLong:
                    _now += size * 400;
                    break;
                case Act.Store:
                    Store(storeOnly: false);
                    break;
                case Act.Offer:
                    Offer(size);
                    break;
                case Act.Acknowledge:
                    Acknowledge(size);
                    break;
                case Act.AcknowledgeAgain when _lastAck is not null:
                    var before = _spool.Store.Status.Ledger;
                    var after = _spool.Store.Acknowledge([_lastAck], [new RefusedPart { Seq = _lastAck.First, Fate = Fate.Late, Requests = 1 }]).Ledger;
                    Assert.Equal(before with { Duplicates = after.Duplicates }, after);
                    break;
                case Act.StoreAndStop:
                    Store(storeOnly: true);
                    Crash();
                    break;
                case Act.Crash:
                    Crash();
                    break;
                case Act.Coalesce:
                    Coalesce(size);
                    break;
                case Act.CoalesceAndCrash:
                    Coalesce(size);
                    Crash();
                    break;
                case Act.Drop when size < 4:
                    Drop(size);
                    break;
            }

            Check();
        }

        internal void Finish()
        {
            Read(_times.Length);
            _now += 1000;
            Store(storeOnly: false);
            while (_spool.Store.Status.Records > 0)
            {
                Offer(64);
                Acknowledge(64);
            }

            Check();
            var ledger = _spool.Store.Status.Ledger;
            Assert.Equal((_times.Length, 0, 0), (ledger.Seen, ledger.Open, ledger.Spooled));
            Assert.Equal(_times.Length, ledger.AckedCommitted + ledger.AckedLate + ledger.DroppedSpoolFull);
            Assert.Equal(_refused, ledger.AckedLate);
            var truth = _times.CountBy(time => WindowClock.StartOf(At(time))).ToDictionary();
            var told = _delivered.Values.GroupBy(content => content.WindowStart)
                .Select(window => (window.Key, Requests: window.Sum(content => content.Contributions.Sum(part => (int)part.Totals.Requests))))
                .Where(window => window.Requests > 0).ToDictionary(window => window.Key, window => window.Requests);
            if (ledger is { RecordsCoalesced: 0, DroppedSpoolFull: 0 })
            {
                Assert.Equal(truth, told);
            }

            CheckLevels(truth, ledger);
            CheckPoints(truth);
        }

        public void Dispose() => _spool.Dispose();

        private void Read(int count)
        {
            var upTo = Math.Min(_times.Length, _read + count);
            _state.Fold(new(RequestLog.Key) { Requests = [.. _times[_read..upTo].Select(time => Request(time))], Checkpoint = BitConverter.GetBytes(upTo) }, At(_now));
            _read = upTo;
        }

        private void Store(bool storeOnly)
        {
            var result = _spool.Store.Commit(_state.TakeBatch(At(_now), 0, storeOnly), _closer);
            Assert.Equal(_read, result.Status.Ledger.Seen);
            Assert.Equal(_state.OpenRequests, result.Status.Ledger.Open);
        }

        private void Offer(int count)
        {
            var offered = _spool.Store.Offer([.. _spool.Store.OfferedSequences(), .. _spool.Store.Backlog(count)]);
            foreach (var (seq, content) in offered.Records)
            {
                Assert.True(seq >= offered.Floor, "a record below the floor would be taken for done");
                Assert.True(content.Level == WindowLevel._10S || content.Points.Count == 0, "a larger window has points of finer ones");
                _offered.Add(seq);

                // A record is frozen: what is sent again is what was sent before.
                Assert.Equal(content, _delivered.GetValueOrDefault(seq) ?? content);
                _delivered[seq] = Copy(content);
                foreach (var point in content.Points.Where(point => point.Measurement == "vibe_model"))
                {
                    var earlier = _points.GetValueOrDefault(content.WindowStart);
                    _points[content.WindowStart] = earlier.Seq > seq ? earlier : (seq, point.Get("requests")!.Integer);
                }
            }
        }

        private void Acknowledge(int count)
        {
            var unacked = _spool.Store.OfferedSequences().Take(count).ToList();
            if (unacked.Count == 0)
            {
                return;
            }

            var held = (long)_delivered[unacked[0]].Contributions.Sum(part => (double)part.Totals.Requests);
            _refused += Math.Min(1, held);
            _lastAck = new SequenceRange { First = unacked[0], Last = unacked[0] };
            _offered.ExceptWith(unacked);
            _highestAcked = unacked.Where(seq => _delivered[seq].Contributions.Any(part => part.Totals.Requests > 0)).Append(_highestAcked).Max();
            _spool.Store.Acknowledge(
                [.. unacked.Select(seq => new SequenceRange { First = seq, Last = seq })],
                [new RefusedPart { Seq = unacked[0], Fate = Fate.Late, Requests = 1 }]);
        }

        private void Coalesce(int size)
        {
            var before = _spool.Store.Status;
            var made = _spool.Store.Coalesce(size * 100, At(_now));
            Assert.Equal(before.Ledger.Spooled, made.Status.Ledger.Spooled);
            Assert.Equal(before.Records - made.Gone + made.Records.Count, made.Status.Records);
            CheckOffered();
        }

        private void Drop(int size)
        {
            var before = _spool.Store.Status.Ledger;
            var made = _spool.Store.Drop(size * 100);
            Assert.Equal(before with { Spooled = before.Spooled - made.Dropped, DroppedSpoolFull = before.DroppedSpoolFull + made.Dropped }, made.Status.Ledger);
            CheckOffered();
        }

        // What was offered may be committed by now: it stays until it is acknowledged.
        private void CheckOffered() => Assert.Equal(_offered, _spool.Store.OfferedSequences());

        private void Crash()
        {
            var contents = _spool.Reopen();
            _state = new AccumulatorState(_settings, At(_now), contents.Open, contents.Checkpoints, contents.ClockOffset);
            _state.SetClockOffset(TimeSpan.Zero);
            _read = _state.CheckpointOf(RequestLog.Key) is { } checkpoint ? BitConverter.ToInt32(checkpoint) : 0;

            // Offset, open windows and records come from one transaction.
            Assert.Equal(_read, contents.Status.Ledger.Seen);
            Assert.Equal(_state.OpenRequests, contents.Status.Ledger.Open);
        }

        private void Check()
        {
            Assert.True(_spool.Store.Status.Ledger.AddsUp, _spool.Store.Status.Ledger.ToString());

            // A commit log that went back in time is measured by it.
            Assert.Equal(_highestAcked, _spool.Store.Status.HighestAcked);
        }

        // Where nothing was dropped every hour is whole, and no window of any level ever holds more than the truth.
        private void CheckLevels(Dictionary<long, int> truth, Ledger ledger)
        {
            foreach (var content in _delivered.Values)
            {
                var end = content.WindowStart + WindowLevels.SecondsOf(content.Level);
                var inside = _delivered.Values.Where(other => other.WindowStart >= content.WindowStart && other.WindowStart + WindowLevels.SecondsOf(other.Level) <= end).Sum(RequestsOf);
                var real = truth.Where(window => window.Key >= content.WindowStart && window.Key < end).Sum(window => window.Value);
                Assert.InRange(inside, 0, real);
            }

            if (ledger.DroppedSpoolFull == 0)
            {
                Assert.Equal(
                    truth.GroupBy(window => WindowLevels.StartOf(WindowLevel._1H, window.Key)).Select(hour => (hour.Key, hour.Sum(window => window.Value))).Order(),
                    _delivered.Values.GroupBy(content => WindowLevels.StartOf(WindowLevel._1H, content.WindowStart)).Select(hour => (hour.Key, hour.Sum(RequestsOf))).Where(hour => hour.Item2 > 0).Order());
            }
        }

        private static int RequestsOf(RecordContent content) => content.Contributions.Sum(part => (int)part.Totals.Requests);

        // The point with the highest revision tells the whole window, unless its content was gone by then.
        private void CheckPoints(Dictionary<long, int> truth)
        {
            if (_spool.Store.Status.Ledger is { NodePointsSkipped: 0, NodePointsCoalesced: 0, DroppedSpoolFull: 0 })
            {
                Assert.Equal(truth.ToDictionary(window => window.Key, window => (long)window.Value), _points.Where(point => point.Value.Requests > 0).ToDictionary(point => point.Key, point => point.Value.Requests));
            }
        }
    }
}
