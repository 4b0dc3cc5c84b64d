using FleetVibe.Aggregator;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.V1;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Model.Tests;

/// <summary>
/// Agents, aggregators, a gateway's store, deliverers and Telegraf on one thread and one virtual clock. What happens, and when,
/// is the schedule's; the rules of the protocol are looked at after every step.
/// </summary>
internal sealed class World : IDisposable
{
    // A few minutes before a full hour, so that schedules see the horizon move.
    private const long Began = 1_790_002_800 - 240;

    private const int MostRounds = 400;

    private static readonly SeriesId[] Series = [new("a", "t"), new("b", "t")];
    private static readonly int[] Ages = [0, 0, 0, 4, 8, 8, 12, 12, 15, 25, 60, 90, 600, -400];

    private readonly string _folder;
    private readonly List<string>? _trace;

    internal World(Mutant mutant = Mutant.None, bool traced = false, Dictionary<string, long>? counts = null)
    {
        Mutant = mutant;
        Counts = counts ?? [];
        _trace = traced ? [] : null;
        _folder = Directory.CreateDirectory(Path.Combine(Root, Guid.NewGuid().ToString("N"))).FullName;
        Network = new Network(this);
        Telegraf = new FakeTelegraf(this);
        Store = new StoreUnderTest(this, Path.Combine(_folder, "log"));
        Invariants = new Invariants(this);
        Nodes = [.. Enumerable.Range(0, 2).Select(n => new AgentNode(this, n, Path.Combine(_folder, $"n{n}")))];
        Members = [.. Enumerable.Range(0, 2).Select(n => new Member(this, n))];
        Senders = [.. Enumerable.Range(0, 2).Select(n => new Sender(this, n))];
    }

    internal FakeTimeProvider Clock { get; } = new(DateTimeOffset.FromUnixTimeSeconds(Began));

    internal DateTimeOffset Now => Clock.GetUtcNow();

    internal Moment Moment => Moment.Of(Clock);

    internal Mutant Mutant { get; }

    /// <summary>The faults are over.</summary>
    internal bool IsCalm { get; private set; }

    internal Dictionary<string, long> Counts { get; }

    internal Truth Truth { get; } = new();

    internal Network Network { get; }

    internal StoreUnderTest Store { get; }

    internal Invariants Invariants { get; }

    internal FakeTelegraf Telegraf { get; }

    internal IReadOnlyList<AgentNode> Nodes { get; }

    internal IReadOnlyList<Member> Members { get; }

    internal IReadOnlyList<Sender> Senders { get; }

    internal IReadOnlyList<string> Trace => _trace ?? [];

    // Memory, where there is a file system in it: every transaction of the parts is synced.
    private static string Root => Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), "fleetvibe-model");

    /// <summary>The schedule, then calm until everything is at rest.</summary>
    /// <exception cref="Violation">A rule was broken.</exception>
    internal void Run(IEnumerable<Step> steps)
    {
        foreach (var step in steps)
        {
            _trace?.Add($"-- {step}");
            Do(step);
            Invariants.Check();
        }

        Rest();
        Invariants.CheckAtRest();
    }

    internal void Note(string what) => _trace?.Add($"{Now:mm:ss.f} {what}");

    internal void Count(string what, long by = 1) => Counts[what] = Counts.GetValueOrDefault(what) + by;

    public void Dispose()
    {
        foreach (var node in Nodes)
        {
            node.Dispose();
        }

        Store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Do(Step step)
    {
        var random = new Random(step.Seed);
        var node = Nodes[random.Next(Nodes.Count)];
        var member = Members[random.Next(Members.Count)];
        var sender = Senders[random.Next(Senders.Count)];
        switch (step.Act)
        {
            case Act.Produce:
                Produce(node, random);
                break;
            case Act.Read:
                node.Read(1 + random.Next(6), withStatus: random.Next(4) == 0);
                break;
            case Act.Store:
                node.Store(force: random.Next(4) == 0);
                break;
            case Act.Connect:
                node.Connect(member, answerIsLost: random.Next(8) == 0);
                break;
            case Act.Upload:
                node.Upload();
                break;
            case Act.StreamUp:
                node.Session?.Receive(1 + random.Next(4));
                break;
            case Act.StreamDown:
                node.Session?.Acknowledge(arrives: random.Next(5) > 0);
                break;
            case Act.Heartbeat:
                node.Heartbeat();
                break;
            case Act.Pump:
                for (var n = random.Next(1, 5); n > 0; n--)
                {
                    Network.Pump(random);
                }

                break;
            case Act.Resend when !member.IsPaused:
                member.Tick();
                break;
            case Act.Tick when !member.IsPaused:
                member.TickSeries();
                break;
            case Act.Coalesce:
                node.Coalesce();
                break;
            case Act.OwnPoint:
                Store.PutOwnPoint();
                break;
            case Act.RollUp:
                Store.RollUp();
                break;
            case Act.Deliver:
                for (var n = random.Next(1, 3); n > 0; n--)
                {
                    Senders[random.Next(Senders.Count)].Step(random);
                }

                break;
            case Act.Telegraf:
                for (var n = random.Next(1, 3); n > 0; n--)
                {
                    Telegraf.Step(random);
                }

                break;
            case Act.Wait:
                Pass(TimeSpan.FromMilliseconds(random.Next(200, 4000)));
                break;
            case Act.WaitWindow:
                Pass(TimeSpan.FromSeconds(random.Next(8, 25)));
                break;
            default:
                DoRare(step.Act, random, node, member, sender);
                break;
        }
    }

    private void DoRare(Act act, Random random, AgentNode node, Member member, Sender sender)
    {
        switch (act)
        {
            case Act.WaitLong:
                Pass(TimeSpan.FromSeconds(random.Next(40, 200)));
                break;
            case Act.WaitHour:
                Pass(TimeSpan.FromMinutes(random.Next(50, 80)));
                break;
            case Act.Maintain:
                Store.Maintain();
                break;
            case Act.KillAgent:
                node.Kill();
                Count("agents killed");
                break;
            case Act.StopAgent:
                node.StopInOrder();
                Count("agents stopped");
                break;
            case Act.CutStream:
                node.CutStream();
                break;
            case Act.LoseSpool:
                node.ReplaceSpool();
                Count("spools lost");
                break;
            case Act.LoseFolder:
                node.LoseFolder();
                Count("folders lost");
                break;
            case Act.CopySpool:
                node.CopySpool();
                break;
            case Act.RollBackSpool when node.RollBack():
                Count("spools rolled back");
                break;
            case Act.CrashMember:
                member.Crash();
                Count("aggregators killed");
                break;
            case Act.PauseMember:
                member.Pause(TimeSpan.FromSeconds(random.Next(5, 60)));
                Count("aggregators stopped for a while");
                break;
            case Act.ForgetEntity:
                member.ForgetSeries([Series[random.Next(Series.Length)].Model]);
                break;
            case Act.MoveSeries:
                member.View[Series[random.Next(Series.Length)].Model] = random.Next(Members.Count);
                break;
            case Act.KillSender:
                sender.Kill();
                Count("deliverers killed");
                break;
            case Act.Replay:
                Store.Replay(Now.ToUnixTimeSeconds() - random.Next(60, 4000), Now.ToUnixTimeSeconds());
                break;
            default:
                break;
        }
    }

    private void Produce(AgentNode node, Random random)
    {
        for (var n = random.Next(1, 4); n > 0 && Truth.Requests.Count < Bag.MostRequests; n--)
        {
            var at = Now.AddSeconds(-Ages[random.Next(Ages.Length)]).AddSeconds(-random.NextDouble());
            var request = new Produced(Truth.Requests.Count, node.Name, Series[random.Next(3) / 2], at, random.Next(25) == 0);
            Truth.Requests.Add(request);
            node.Produce(request.Id);
            Count("requests");
        }
    }

    private void Pass(TimeSpan time)
    {
        Clock.Advance(time);
        Note("-");
    }

    private void Rest()
    {
        _trace?.Add("-- calm");
        IsCalm = true;
        foreach (var member in Members)
        {
            member.Pause(TimeSpan.Zero);
            member.View.Clear();
        }

        for (var round = 0; round < MostRounds; round++)
        {
            Pass(TimeSpan.FromSeconds(3));
            Round();
            Invariants.Check();
            if (Nodes.All(node => node.HasReadAll && !node.HasRecords) && Network.Count == 0)
            {
                MakeRollUps();
                return;
            }
        }

        throw new Violation("rest", $"requests are still under way: {string.Join("; ", Nodes.Select(node => $"{node.Name} has {node.Status.Records} records, open {node.Ledger.Open}, spooled {node.Ledger.Spooled}"))}");
    }

    private void Round()
    {
        var random = new Random(0);
        foreach (var node in Nodes)
        {
            node.Connect(Members[0], answerIsLost: false);
            node.Read(1000, withStatus: false);
            if (!node.HasReadAll)
            {
                node.Store(force: false);
            }

            node.Upload();
            node.Session?.Receive(100);
        }

        foreach (var member in Members)
        {
            member.Tick();
            member.TickSeries();
        }

        for (var n = 0; n < 2000 && Network.Count > 0; n++)
        {
            Network.Pump(random);
        }

        foreach (var node in Nodes)
        {
            node.Session?.Acknowledge(arrives: true);
        }
    }

    // Roll-ups are looked at once more when their span is past; series are told nothing of the time that this takes.
    private void MakeRollUps()
    {
        for (var round = 0; round < MostRounds; round++)
        {
            Pass(TimeSpan.FromMinutes(4));
            while (Store.RollUp())
            {
            }

            for (var n = 0; n < 3; n++)
            {
                foreach (var sender in Senders)
                {
                    sender.Step(new Random(0));
                    Telegraf.Step(new Random(0));
                }
            }

            Invariants.Check();
            if (Invariants.NothingIsDue())
            {
                return;
            }
        }

        throw new Violation("rest", "roll-ups or points are still due");
    }
}
