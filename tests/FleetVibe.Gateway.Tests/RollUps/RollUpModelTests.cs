using CsCheck;
using FleetVibe.Gateway.Tests.Postgres;
using FleetVibe.Gateway.Tests.Store;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Tests.Postgres;
using Google.Protobuf;
using Outcome = FleetVibe.Protocol.V1.CommitReply.Types.Outcome;

namespace FleetVibe.Gateway.Tests.RollUps;

/// <summary>
/// Commits, later revisions, back-fill and direct contributions in any order, with turns of roll-ups, restarts and a moving horizon
/// in between. After every step nothing has shrunk (I6) and the horizon is not past a mark; at rest every roll-up is the merge of
/// what was committed, to the byte (I11, P6).
/// </summary>
[Collection(PostgresCollection.Name)]
public sealed class RollUpModelTests(PostgresServer server)
{
    private const long Hour = 1_699_999_200;

    private static readonly int[] Offsets = [0, 10, 50, 60, 110, 290, 300, 1800, 3540, 3590, 3600, 3900];

    private enum Kind
    {
        Commit,
        RollUp,
        PassTime,
        Maintain,
        Restart,
    }

    private sealed record Step(Kind Kind, int Window, int Level, int Series, int Seed);

    private static readonly Gen<Step> Steps = Gen.Select(
        Gen.Frequency(
            (10, Gen.Const(Kind.Commit)), (8, Gen.Const(Kind.RollUp)), (4, Gen.Const(Kind.PassTime)), (2, Gen.Const(Kind.Maintain)), (1, Gen.Const(Kind.Restart))),
        Gen.Int[0, Offsets.Length - 1], Gen.Frequency((8, Gen.Const(0)), (1, Gen.Int[1, 3])), Gen.Int[0, 1], Gen.Int[0, 1000],
        (kind, window, level, series, seed) => new Step(kind, window, level, series, seed));

    [Fact]
    public Task Every_roll_up_is_the_merge_of_what_is_committed_whatever_the_order() => CheckAsync(null, 60);

    [RequiresPostgresFact]
    public Task Every_roll_up_is_the_merge_of_what_is_committed_whatever_the_order_on_postgres() => CheckAsync(server.Cluster, 5);

    private static async Task CheckAsync(PostgresCluster? cluster, int iterations) =>
        await Steps.Array[10, 80].SampleAsync(
            async steps =>
            {
                using var run = new Run(cluster);
                foreach (var step in steps)
                {
                    await run.DoAsync(step);
                    await run.CheckAsync();
                }

                await run.CheckAtRestAsync();
            },
            iter: iterations,
            threads: 1);

    private sealed record Truth(ulong Revision, SeriesTotals Totals, bool Final, ulong Backfilled, IReadOnlyList<string> Expected)
    {
        internal HashSet<string> Hosts { get; } = [];

        internal List<int> Contributions { get; } = [];
    }

    private sealed class Run(PostgresCluster? cluster) : IDisposable
    {
        private readonly TestLog _test = new(s => s with { WindowRetention = TimeSpan.FromHours(3) }, now: Hour + 4000, cluster: cluster);
        private readonly Dictionary<WindowKey, Truth> _windows = [];
        private Dictionary<RollUpKey, CommittedWindow> _before = [];
        private long _horizon;
        private ulong _seq;

        public void Dispose() => _test.Dispose();

        internal async Task DoAsync(Step step)
        {
            switch (step.Kind)
            {
                case Kind.Commit:
                    await CommitAsync(KeyOf(step), step.Seed, final: step.Seed % 2 == 0);
                    break;
                case Kind.RollUp:
                    await TurnAsync(1 + step.Seed % 5);
                    break;
                case Kind.PassTime:
                    _test.Clock.Advance(TimeSpan.FromSeconds(step.Seed % 5 == 0 ? step.Seed * 5 : step.Seed % 90));
                    break;
                case Kind.Maintain:
                    await _test.Log.MaintainAsync();
                    break;
                default:
                    _test.Reopen();
                    break;
            }
        }

        internal async Task CheckAsync()
        {
            var (horizon, oldest) = await _test.Log.ReadAsync(db => (WindowTable.HorizonOf(db), RollUpMarks.Oldest(db)));
            Assert.True(horizon >= _horizon && !(oldest < horizon), $"horizon {horizon}, before {_horizon}, oldest mark {oldest}");
            _horizon = horizon;

            var now = await AllAsync();
            foreach (var (key, old) in _before)
            {
                var found = now[key];
                Assert.True(found.Revision >= old.Revision && (found.Final || !old.Final) && found.Backfilled >= old.Backfilled);
                Assert.True(found.Totals.Requests >= old.Totals.Requests && found.Totals.Errors >= old.Totals.Errors && found.Totals.OutputTokens >= old.Totals.OutputTokens);
                Assert.Empty(old.Hosts.Except(found.Hosts));
                Assert.Equal(old.Fields, old.Fields & found.Fields);
                Assert.Equal(found.Revision == old.Revision, SameContent(found, old));
            }

            _before = now;
            await _test.CheckLedgerAsync();
        }

        internal async Task CheckAtRestAsync()
        {
            foreach (var key in _windows.Keys.ToList())
            {
                await CommitAsync(key, seed: null, final: true);
            }

            // Past every window and its lateness, then past every interval.
            foreach (var minutes in (int[])[125, 2, 2, 2])
            {
                _test.Clock.Advance(TimeSpan.FromMinutes(minutes));
                while (await TurnAsync(7) > 0)
                {
                    await CheckAsync();
                }
            }

            Assert.Null(await _test.Log.ReadAsync(RollUpMarks.Oldest));
            var found = await AllAsync();
            Assert.Equal(Expected().Order(), found.Select(f => (f.Key.Series, f.Key.Level, f.Key.Start)).Order());
            foreach (var (key, rollUp) in found)
            {
                await CheckRollUpAsync(key, rollUp);
            }
        }

        private async Task CheckRollUpAsync(RollUpKey key, CommittedWindow rollUp)
        {
            var name = await NameOfAsync(key.Series);
            var inside = _windows.Where(w => w.Key.Series.Task == name && w.Key.Level <= key.Level && w.Key.Start >= key.Start && w.Key.Start < key.End).Select(w => w.Value).ToList();
            var merged = new SeriesTotals();
            foreach (var seed in inside.SelectMany(w => w.Contributions).OrderBy(s => s * 7919 % 1009))
            {
                merged.Merge(RollUpMergeTests.Contribution(seed));
            }

            Assert.Equal(TotalsMapper.ToWire(merged).ToByteArray(), rollUp.Totals.ToByteArray());
            Assert.Equal(inside.SelectMany(w => w.Hosts).Distinct().Order(StringComparer.Ordinal), rollUp.Hosts);
            Assert.Equal(inside.SelectMany(w => w.Expected).Distinct().Order(StringComparer.Ordinal), rollUp.ExpectedHosts);
            Assert.Equal(inside.Aggregate(0UL, (sum, w) => sum + w.Backfilled), rollUp.Backfilled);
            Assert.True(rollUp.Final || key.Start < _horizon || inside.Exists(w => !w.Final));
            var line = await _test.Log.ReadAsync(db => db.Text(
                "SELECT line FROM heads WHERE key = $1",
                $"vibe_fleet,host=fleet,model=m,task={name},window={FleetPoint.NameOf(WindowLevels.SecondsOf(key.Level))} {key.Start}000000000"));
            Assert.True(line is null ? key.Start < _horizon : line.Contains($" requests={merged.Requests}i,", StringComparison.Ordinal) && line.Contains($",revision={rollUp.Revision}i", StringComparison.Ordinal));
        }

        private async Task CommitAsync(WindowKey key, int? seed, bool final)
        {
            var old = _windows.GetValueOrDefault(key) ?? new Truth(0, new SeriesTotals(), false, 0, []);
            var totals = TotalsMapper.FromWire(TotalsMapper.ToWire(old.Totals));
            var host = $"gpu-{(seed ?? 0) % 4}";
            Contributor[] added = [];
            var backfilled = old.Backfilled;
            if (seed is { } content)
            {
                var contribution = RollUpMergeTests.Contribution(content);
                totals.Merge(contribution);
                added = [TestLog.Part(++_seq, (ulong)contribution.Requests, host)];
                backfilled += old.Final ? (ulong)contribution.Requests : 0;
            }

            var request = _test.Request(old.Revision, TotalsMapper.ToWire(totals), added);
            request.Key = key;
            request.Final = final;
            request.Backfilled = backfilled;
            var reply = await _test.CommitAsync(request);
            if (key.Start < _horizon)
            {
                Assert.Equal(Outcome.Late, reply.Outcome);
                return;
            }

            Assert.Equal(Outcome.Committed, reply.Outcome);
            var next = new Truth(reply.Revision, totals, old.Final || final, backfilled, [.. request.ExpectedHosts]);
            next.Hosts.UnionWith(old.Hosts);
            next.Contributions.AddRange(old.Contributions);
            if (seed is { } taken)
            {
                next.Hosts.Add(host);
                next.Contributions.Add(taken);
            }

            _windows[key] = next;
        }

        private IEnumerable<(long, WindowLevel, long)> Expected()
        {
            var numbers = _test.Log.ReadAsync(db => _windows.Keys.Select(k => k.Series).Distinct().ToDictionary(s => s.Task, s => WindowTable.FindSeries(db, s)!.Value)).Result;
            return _windows.Keys
                .SelectMany(k => Enumerable.Range(1, 3).Select(l => (WindowLevel)l).Where(l => l >= k.Level)
                    .Select(l => (numbers[k.Series.Task], l, WindowLevels.StartOf(l, k.Start))))
                .Distinct();
        }

        private Task<string> NameOfAsync(long series) => _test.Log.ReadAsync(db => db.Text("SELECT task FROM series WHERE id = $1", series)!);

        private async Task<int> TurnAsync(int most) =>
            (await _test.Log.Writer.RunAsync(db => RollUpTransaction.Run(db, _test.Log.Identity, _test.Clock.GetUtcNow(), most))).Made;

        private Task<Dictionary<RollUpKey, CommittedWindow>> AllAsync() => _test.Log.ReadAsync(db =>
        {
            var keys = new List<RollUpKey>();
            using (var rows = db.Query("SELECT series, level, start FROM roll_ups"))
            {
                while (rows.Read())
                {
                    keys.Add(new RollUpKey(rows.GetInt64(0), (WindowLevel)rows.GetInt64(1), rows.GetInt64(2)));
                }
            }

            return keys.ToDictionary(k => k, k => RollUpTable.Find(db, k));
        });

        private static bool SameContent(CommittedWindow left, CommittedWindow right) =>
            left.Final == right.Final && left.Backfilled == right.Backfilled && left.Totals.Equals(right.Totals)
            && left.Hosts.SequenceEqual(right.Hosts) && left.ExpectedHosts.SequenceEqual(right.ExpectedHosts);

        private static WindowKey KeyOf(Step step)
        {
            var level = (WindowLevel)step.Level;
            return new WindowKey
            {
                Series = new SeriesKey { Model = "m", Task = $"t{step.Series}" },
                Level = level,
                Start = WindowLevels.StartOf(level, Hour + Offsets[step.Window]),
            };
        }
    }
}
