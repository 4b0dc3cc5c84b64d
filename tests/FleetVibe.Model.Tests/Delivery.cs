using FleetVibe.Gateway;
using FleetVibe.Gateway.Delivery;
using FleetVibe.Gateway.Outbox;

namespace FleetVibe.Model.Tests;

/// <summary>A write on its way to Telegraf.</summary>
/// <param name="LandsFrom">It hangs until then, whatever its sender thinks.</param>
internal sealed record Post(DateTimeOffset SentAt, DateTimeOffset LandsFrom, Sender Sender, DeliveryBatch Batch);

/// <summary>One deliverer: takes, sends, waits for the answer. It may be stopped between any two of these.</summary>
internal sealed class Sender(World world, int number)
{
    private const int BatchLines = 20;

    private bool _sent;
    private DateTimeOffset _sentAt;

    internal DeliveryBatch? Batch { get; private set; }

    internal void Step(Random random)
    {
        if (Batch is null)
        {
            world.Store.ReleaseExpired();
            Batch = world.Store.Begin(world.IsCalm ? 500 : BatchLines);
            _sent = false;
            if (Batch is not null)
            {
                world.Count("points sent while a lower revision may still land", world.Telegraf.MayBeOvertaken(Batch));
                world.Note($"d{number} takes attempt {Batch.Attempt}: {Batch.Lines.Count} points");
            }
        }
        else if (!_sent)
        {
            if (world.Now >= Batch.ExpiresAt)
            {
                React(new DeliveryAnswer.NotSent("the attempt expired"));
                return;
            }

            (_sent, _sentAt) = (true, world.Now);
            var hangs = world.IsCalm || random.Next(2) > 0 ? 0 : random.Next((int)StoreUnderTest.Telegraf.QuietTime.TotalSeconds);
            world.Telegraf.Posts.Add(new Post(world.Now, world.Now.AddSeconds(hangs), this, Batch));
        }
        else if (world.Now - _sentAt >= StoreUnderTest.Telegraf.Timeout)
        {
            world.Count("unknown outcomes");
            React(new DeliveryAnswer.NoAnswer("timed out"));
        }
    }

    internal void Answer(DeliveryBatch batch, DeliveryAnswer answer)
    {
        if (Batch == batch && _sent)
        {
            React(answer);
        }
    }

    /// <summary>kill -9: the attempt stays in the file.</summary>
    internal void Kill() => Batch = null;

    private void React(DeliveryAnswer answer)
    {
        var batch = Batch!;
        Batch = null;
        var reaction = DeliveryReaction.To(answer, TelegrafDialect.InfluxDbV2, [.. batch.Lines.Select(line => line.Line)]);
        var end = reaction.Kind == ReactionKind.Delivered ? AttemptEnd.Delivered : reaction.MayStillArrive ? AttemptEnd.Unknown : AttemptEnd.Released;
        world.Note($"d{number} ends attempt {batch.Attempt}: {end}");
        world.Store.End(batch.Attempt, end);
    }
}

/// <summary>Keeps the last write of each point, as InfluxDB does.</summary>
internal sealed class FakeTelegraf(World world)
{
    internal List<Post> Posts { get; } = [];

    internal Dictionary<string, (PointRevision Revision, string Line)> Points { get; } = [];

    /// <summary>Something happens to one write: it lands, with or without an answer, is turned away, or goes on hanging.</summary>
    internal void Step(Random random)
    {
        // By now its connection is closed: it never arrives.
        Posts.RemoveAll(post => world.Now - post.SentAt >= StoreUnderTest.Telegraf.QuietTime);
        var arriving = Posts.Where(post => world.Now >= post.LandsFrom).ToList();
        if (arriving.Count == 0)
        {
            return;
        }

        var post = arriving[random.Next(arriving.Count)];
        switch (world.IsCalm ? 99 : random.Next(100))
        {
            case < 10:
                break;
            case < 16:
                Posts.Remove(post);
                break;
            case < 24:
                Posts.Remove(post);
                post.Sender.Answer(post.Batch, new DeliveryAnswer.Response(503, "{}"));
                break;
            case < 40:
                Land(post);
                world.Count("204s lost");
                break;
            default:
                Land(post);
                post.Sender.Answer(post.Batch, new DeliveryAnswer.Response(204, ""));
                break;
        }
    }

    /// <summary>Points of a batch of which a lower revision is still under way.</summary>
    internal int MayBeOvertaken(DeliveryBatch batch) => batch.Lines.Count(line => Posts.Exists(post =>
        world.Now - post.SentAt < StoreUnderTest.Telegraf.QuietTime
        && post.Batch.Lines.Any(older => older.Key == line.Key && older.Revision.CompareTo(line.Revision) < 0)));

    private void Land(Post post)
    {
        Posts.Remove(post);
        world.Note($"attempt {post.Batch.Attempt} lands");
        foreach (var line in post.Batch.Lines)
        {
            if (Points.TryGetValue(line.Key, out var held) && held.Revision.CompareTo(line.Revision) > 0)
            {
                throw new Violation("P4", $"revision {line.Revision.Lo} of {line.Key} landed after {held.Revision.Lo}");
            }

            Points[line.Key] = (line.Revision, line.Line);
        }
    }
}
