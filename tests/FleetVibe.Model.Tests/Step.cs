namespace FleetVibe.Model.Tests;

/// <summary>What can happen. What it happens to follows from the step's own seed, not from the steps before.</summary>
internal enum Act
{
    Produce,
    Read,
    Store,
    Connect,
    Upload,
    StreamUp,
    StreamDown,
    Heartbeat,
    Pump,
    Resend,
    Tick,
    Wait,
    WaitWindow,
    Coalesce,
    RollUp,
    OwnPoint,
    Deliver,
    Telegraf,

    // From here on: faults, and what is rare.
    Maintain,
    WaitLong,
    WaitHour,
    KillAgent,
    StopAgent,
    CutStream,
    LoseSpool,
    LoseFolder,
    CopySpool,
    RollBackSpool,
    CrashMember,
    PauseMember,
    ForgetEntity,
    MoveSeries,
    KillSender,
    Replay,
}

internal readonly record struct Step(Act Act, int Seed)
{
    public override string ToString() => $"{Act}:{Seed}";
}

/// <summary>Schedules out of a seed.</summary>
internal static class Schedule
{
    private static readonly (Act Act, int Weight)[] Usual =
    [
        (Act.Produce, 7), (Act.Read, 7), (Act.Store, 8), (Act.Connect, 5), (Act.Upload, 8), (Act.StreamUp, 8), (Act.StreamDown, 8),
        (Act.Heartbeat, 3), (Act.Pump, 26), (Act.Resend, 4), (Act.Tick, 8), (Act.Wait, 12), (Act.WaitWindow, 3), (Act.Coalesce, 3), (Act.RollUp, 5), (Act.OwnPoint, 4),
        (Act.Deliver, 16), (Act.Telegraf, 10),
    ];

    private static readonly (Act Act, int Weight)[] Rare =
    [
        (Act.Maintain, 8), (Act.WaitLong, 6), (Act.WaitHour, 2), (Act.KillAgent, 8), (Act.StopAgent, 2), (Act.CutStream, 6), (Act.LoseSpool, 1), (Act.LoseFolder, 1), (Act.CopySpool, 3),
        (Act.RollBackSpool, 4), (Act.CrashMember, 4), (Act.PauseMember, 6), (Act.ForgetEntity, 5), (Act.MoveSeries, 12), (Act.KillSender, 5), (Act.Replay, 5),
    ];

    // Some schedules have more of this: what is sent meets what is raised only where much is sent.
    private static readonly (Act Act, int Weight)[] Delivery =
    [
        (Act.Deliver, 8), (Act.Telegraf, 4), (Act.Pump, 8), (Act.Store, 3), (Act.Upload, 2), (Act.StreamUp, 2), (Act.Tick, 4), (Act.RollUp, 2), (Act.OwnPoint, 5), (Act.KillSender, 1),
    ];

    // And some of this: two owners of one window meet only where owners change while records are under way.
    private static readonly (Act Act, int Weight)[] Owners =
    [
        (Act.MoveSeries, 4), (Act.PauseMember, 6), (Act.Produce, 8), (Act.Read, 8), (Act.Store, 8), (Act.Upload, 8), (Act.StreamUp, 10), (Act.Pump, 30), (Act.Resend, 14), (Act.Tick, 10), (Act.WaitWindow, 3),
    ];

    internal static List<Step> Of(int seed, int length, bool faults = true)
    {
        var random = new Random(seed);
        var rare = faults ? 4 + random.Next(12) : 0;
        var (more, share) = random.Next(4) switch
        {
            0 or 1 => (Delivery, 50),
            2 when faults => (Owners, 60),
            _ => (Usual, 0),
        };
        var steps = new List<Step>(length);
        for (var i = 0; i < length; i++)
        {
            var act = Draw(random.Next(100) < rare ? Rare : random.Next(100) < share ? more : Usual, random);
            steps.Add(new Step(act, random.Next(1_000_000)));
        }

        return steps;
    }

    private static Act Draw((Act Act, int Weight)[] from, Random random)
    {
        var at = random.Next(from.Sum(entry => entry.Weight));
        foreach (var (act, weight) in from)
        {
            at -= weight;
            if (at < 0)
            {
                return act;
            }
        }

        return from[^1].Act;
    }
}

/// <summary>Makes a failing schedule shorter by leaving out what the failure does not need (delta debugging).</summary>
internal static class Shrinker
{
    /// <param name="fails">Whether a schedule still fails.</param>
    /// <param name="budget">How many schedules may be tried.</param>
    internal static List<Step> Shrink(List<Step> steps, Func<List<Step>, bool> fails, int budget)
    {
        for (var size = Math.Max(1, steps.Count / 2); budget > 0;)
        {
            var shortened = false;
            for (var at = steps.Count - size; at > -size && budget > 0; at -= size)
            {
                var from = Math.Max(0, at);
                var candidate = steps.Take(from).Concat(steps.Skip(at + size)).ToList();
                budget--;
                if (candidate.Count < steps.Count && fails(candidate))
                {
                    steps = candidate;
                    shortened = true;
                }
            }

            if (size == 1 && !shortened)
            {
                break;
            }

            size = Math.Max(1, size / 2);
        }

        return steps;
    }
}
