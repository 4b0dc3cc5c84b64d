using CsCheck;
using FleetVibe.Gateway.Tests.Postgres;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Tests.Postgres;
using Outcome = FleetVibe.Protocol.V1.CommitReply.Types.Outcome;

namespace FleetVibe.Gateway.Tests.Store;

/// <summary>
/// Owners that load, commit with stale or current bases, repeat themselves, refuse, die and deliver, against a log kept in memory.
/// After every step: contributors only grow and revisions step by one (I1), a fate never changes (I2), windows and fates add up
/// (I5), heads never fall and only heads are sent (I7).
/// </summary>
[Collection(PostgresCollection.Name)]
public sealed class CommitModelTests(PostgresServer server)
{
    private const int Nodes = 3;
    private const int Windows = 3;

    private enum Kind
    {
        Load,
        Commit,
        RepeatLastCommit,
        Refuse,
        RaiseFloor,
        PutPoint,
        BeginAttempt,
        EndAttempt,
        Restart,
        OwnPoint,
        PassTime,
        Replay,
    }

    private sealed record Step(Kind Kind, int Owner, int Window, int Node, int Seq, int Seed);

    private static readonly Gen<Step> Steps = Gen.Select(
        Gen.Frequency(
            (4, Gen.Const(Kind.Load)), (8, Gen.Const(Kind.Commit)), (2, Gen.Const(Kind.RepeatLastCommit)), (2, Gen.Const(Kind.Refuse)),
            (1, Gen.Const(Kind.RaiseFloor)), (3, Gen.Const(Kind.PutPoint)), (3, Gen.Const(Kind.BeginAttempt)), (3, Gen.Const(Kind.EndAttempt)),
            (1, Gen.Const(Kind.Restart)), (1, Gen.Const(Kind.OwnPoint)), (1, Gen.Const(Kind.PassTime)), (1, Gen.Const(Kind.Replay))),
        Gen.Int[0, 1], Gen.Int[0, Windows - 1], Gen.Int[0, Nodes - 1], Gen.Int[1, 12], Gen.Int[0, 1000],
        (kind, owner, window, node, seq, seed) => new Step(kind, owner, window, node, seq, seed));

    [Fact]
    public Task The_log_agrees_with_a_log_in_memory_whatever_its_owners_do() => CheckAsync(null, 60);

    [RequiresPostgresFact]
    public Task The_log_agrees_with_a_log_in_memory_whatever_its_owners_do_on_postgres() => CheckAsync(server.Cluster, 5);

    private static async Task CheckAsync(PostgresCluster? cluster, int iterations) =>
        await Steps.Array[10, 60].SampleAsync(
            async steps =>
            {
                using var run = new Run(cluster);
                foreach (var step in steps)
                {
                    await run.DoAsync(step);
                    await run.CheckAsync();
                }
            },
            iter: iterations,
            threads: 1);

    private sealed class OracleWindow
    {
        internal ulong Revision;
        internal ulong Requests;
        internal readonly HashSet<(int Node, int Seq)> Contributors = [];
    }

    private sealed class Run(PostgresCluster? cluster) : IDisposable
    {
        private readonly TestLog _test = new(cluster: cluster);
        private readonly Dictionary<(int Node, int Seq), (Fate Fate, int Window)> _fates = [];
        private readonly OracleWindow[] _windows = [.. Enumerable.Range(0, Windows).Select(_ => new OracleWindow())];
        private readonly int[] _floors = new int[Nodes];
        private readonly Dictionary<(int Owner, int Window), (ulong Revision, ulong Requests)> _views = [];
        private readonly Dictionary<string, PointRevision> _heads = [];
        private readonly List<DeliveryBatch> _attempts = [];
        private readonly Dictionary<string, PointRevision> _sent = [];
        private CommitRequest? _last;
        private int _lastWindow;

        public void Dispose() => _test.Dispose();

        internal async Task DoAsync(Step step)
        {
            switch (step.Kind)
            {
                case Kind.Load:
                    var state = await _test.Log.LoadWindowAsync(KeyOf(step.Window));
                    _views[(step.Owner, step.Window)] = (state.Revision, state.Totals.Requests);
                    break;
                case Kind.Commit:
                    await CommitAsync(step.Window, RequestOf(step));
                    break;
                case Kind.RepeatLastCommit when _last is not null:
                    await CommitAsync(_lastWindow, _last.Clone());
                    break;
                case Kind.Refuse:
                    await RefuseAsync(step);
                    break;
                case Kind.RaiseFloor:
                    await RaiseFloorAsync(step);
                    break;
                case Kind.PutPoint:
                    await _test.AdmitAsync(NameOf(step.Node));
                    await _test.PutAsync((ulong)step.Seq, TestLog.NodePoint(step.Seq, NameOf(step.Node), KeyOf(step.Window).Start), NameOf(step.Node));
                    break;
                case Kind.BeginAttempt:
                    if (await _test.BeginAsync(lines: 1 + step.Seed % 4) is { } batch)
                    {
                        await CheckSentAsync(batch);
                        _attempts.Add(batch);
                    }

                    break;
                case Kind.EndAttempt when _attempts.Count > 0:
                    await EndAsync(step);
                    break;
                case Kind.Restart:
                    _test.Reopen();
                    break;
                case Kind.OwnPoint:
                    await _test.Log.PutOwnPointAsync("gw", KeyOf(step.Window).Start);
                    break;
                case Kind.PassTime:
                    _test.Clock.Advance(TimeSpan.FromSeconds(step.Seed % 40));
                    if (await _test.Log.ReleaseExpiredAsync(_test.Clock.GetUtcNow() - TimeSpan.FromSeconds(30)) > 0)
                    {
                        _attempts.Clear();
                    }

                    await _test.Log.MaintainAsync();
                    break;
                case Kind.Replay:
                    await _test.Log.ReplayAsync(KeyOf(step.Window).Start, KeyOf(step.Window).Start + 1);
                    break;
                default:
                    break;
            }
        }

        internal async Task CheckAsync()
        {
            var status = await _test.Log.StatusAsync();
            Assert.Equal(_windows.Aggregate(0UL, (sum, w) => sum + w.Requests), status.Committed);
            Assert.Equal((ulong)_fates.Where(f => f.Value.Fate == Fate.Undecodable).Sum(f => (long)RequestsOf(f.Key)), status.Undecodable);
            foreach (var (window, index) in _windows.Select((w, i) => (w, i)))
            {
                var state = await _test.Log.LoadWindowAsync(KeyOf(index));
                Assert.Equal((window.Revision, window.Requests), (state.Revision, state.Totals.Requests));
                var committed = state.Contributors.ToList();
                Assert.Equal(window.Contributors.Order(), committed.Select(c => (NodeOf(c), (int)c.Record.Seq)).Order());
                Assert.Equal(
                    _fates.Where(f => f.Value == (Fate.Undecodable, index)).Select(f => f.Key).Order(),
                    state.Refused.Where(c => c.Fate == Fate.Undecodable).Select(c => (NodeOf(c.Record), (int)c.Record.Seq)).Order());
                Assert.Equal(state.Totals.Requests, committed.Aggregate(0UL, (sum, c) => sum + c.Requests));
            }

            await _test.CheckLedgerAsync();
            foreach (var (key, revision) in await HeadsAsync())
            {
                Assert.True(!_heads.TryGetValue(key, out var before) || revision.CompareTo(before) >= 0, $"the head of {key} fell");
                _heads[key] = revision;
            }
        }

        private async Task CommitAsync(int window, CommitRequest request)
        {
            var model = _windows[window];
            var parts = request.Added.Select(p => (Node: NodeOf(p), Seq: (int)p.Record.Seq)).ToList();
            var added = parts.Aggregate(0UL, (sum, p) => sum + RequestsOf(p));
            var expected = request.BaseRevision == model.Revision
                && parts.Distinct().Count() == parts.Count
                && parts.TrueForAll(p => !_fates.ContainsKey(p) && p.Seq >= _floors[p.Node])
                && request.Totals.Requests == model.Requests + added;

            var reply = await _test.CommitAsync(request);

            Assert.Equal(expected ? Outcome.Committed : Outcome.Lost, reply.Outcome);
            if (expected)
            {
                model.Revision++;
                model.Requests += added;
                model.Contributors.UnionWith(parts);
                parts.ForEach(p => _fates.Add(p, (Fate.Committed, window)));
                Assert.Equal(model.Revision, reply.Revision);
            }

            (_last, _lastWindow) = (request, window);
        }

        private CommitRequest RequestOf(Step step)
        {
            var (revision, requests) = _views.GetValueOrDefault((step.Owner, step.Window));
            var parts = new List<Contributor> { PartOf(step.Node, step.Seq) };
            if (step.Seed % 3 == 0)
            {
                parts.Add(PartOf((step.Node + 1) % Nodes, 1 + step.Seed % 12));
            }

            // Once in a while an owner merges wrongly; the log must not take it.
            var sum = requests + parts.Aggregate(0UL, (total, p) => total + p.Requests) + (step.Seed % 17 == 0 ? 1UL : 0);
            var request = _test.Request(revision, TestLog.Totals(sum), [.. parts]);
            request.Key = KeyOf(step.Window);
            return request;
        }

        private async Task RefuseAsync(Step step)
        {
            var part = (step.Node, step.Seq);
            var stands = await _test.Log.RefusePartAsync(
                new RefusePartRequest { Key = KeyOf(step.Window), Part = PartOf(step.Node, step.Seq), Fate = Fate.Undecodable });
            if (_fates.TryGetValue(part, out var known))
            {
                Assert.Equal(known.Fate, stands);
            }
            else
            {
                Assert.Equal(Fate.Undecodable, stands);
                if (step.Seq >= _floors[step.Node])
                {
                    _fates.Add(part, (Fate.Undecodable, step.Window));
                }
            }
        }

        private async Task RaiseFloorAsync(Step step)
        {
            await _test.AdmitAsync(NameOf(step.Node));
            var floor = Math.Min(step.Seq, 4);
            await _test.PutAsync(1, TestLog.NodePoint(1, NameOf(step.Node)), NameOf(step.Node), floor: (ulong)floor);
            _floors[step.Node] = Math.Max(_floors[step.Node], floor);
        }

        private async Task CheckSentAsync(DeliveryBatch batch)
        {
            var heads = await HeadsAsync();
            var attempted = _attempts.SelectMany(a => a.Lines).Select(l => l.Key).ToHashSet();
            foreach (var line in batch.Lines)
            {
                Assert.Equal(heads[line.Key], line.Revision);
                Assert.DoesNotContain(line.Key, attempted);
                Assert.True(!_sent.TryGetValue(line.Key, out var before) || line.Revision.CompareTo(before) >= 0, $"{line.Key} was sent backwards");
                _sent[line.Key] = line.Revision;
            }
        }

        private async Task EndAsync(Step step)
        {
            var batch = _attempts[step.Seed % _attempts.Count];
            var end = (AttemptEnd)(step.Seed % 3);
            Refusal[] refused = step.Seed % 5 == 0 ? [new Refusal(batch.Lines[0], "bad")] : [];
            await _test.Log.EndAttemptAsync(batch.Attempt, end, refused);
            _attempts.Remove(batch);
            if (end == AttemptEnd.Unknown && batch.Lines.Count > refused.Length)
            {
                _attempts.Add(batch with { Lines = [.. batch.Lines.Skip(refused.Length)] });
            }

            var open = await _test.Log.ReadAsync(db =>
            {
                using var rows = db.Query("SELECT attempt FROM heads WHERE attempt IS NOT NULL");
                var ids = new List<long>();
                while (rows.Read())
                {
                    ids.Add(rows.GetInt64(0));
                }

                return ids;
            });
            Assert.True(end == AttemptEnd.Unknown || !open.Contains(batch.Attempt));
        }

        private Task<Dictionary<string, PointRevision>> HeadsAsync() => _test.Log.ReadAsync(db =>
        {
            var heads = new Dictionary<string, PointRevision>();
            using var rows = db.Query("SELECT key, revision_hi, revision_lo FROM heads");
            while (rows.Read())
            {
                heads.Add(rows.GetString(0), new PointRevision(rows.GetInt64(1), rows.GetInt64(2)));
            }

            return heads;
        });

        private static WindowKey KeyOf(int window) => TestLog.Window(TestLog.Start - 10 * window);

        private static int NodeOf(Contributor part) => NodeOf(part.Record);

        private static int NodeOf(RecordId record) => int.Parse(record.Node.AsSpan(4), System.Globalization.CultureInfo.InvariantCulture);

        private static string NameOf(int node) => FormattableString.Invariant($"gpu-{node}");

        private static ulong RequestsOf((int Node, int Seq) part) => (ulong)(part.Node + part.Seq % 4);

        private static Contributor PartOf(int node, int seq) => TestLog.Part((ulong)seq, RequestsOf((node, seq)), NameOf(node));
    }
}
