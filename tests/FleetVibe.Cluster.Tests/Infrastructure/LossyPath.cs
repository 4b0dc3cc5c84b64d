using Akka.Actor;

namespace FleetVibe.Cluster.Tests.Infrastructure;

/// <summary>Stands before a region, or before the one that waits for its answers: loses, doubles and repeats out of order, by its seed.</summary>
internal sealed class LossyPath(IActorRef target, int seed, double loss, double duplication, bool bothWays) : UntypedActor
{
    private const int Remembered = 20;

    private readonly Random _random = new(seed);
    private readonly Queue<(object Message, IActorRef Sender)> _earlier = [];
    private readonly Dictionary<IActorRef, IActorRef> _answerPaths = [];

    protected override void OnReceive(object message)
    {
        var sender = bothWays ? AnswerPath(Sender) : Sender;
        if (_random.NextDouble() >= loss)
        {
            target.Tell(message, sender);
        }

        if (_random.NextDouble() < duplication)
        {
            target.Tell(message, sender);
        }

        if (_earlier.Count == Remembered && _random.NextDouble() < duplication)
        {
            var (earlier, from) = _earlier.Peek();
            target.Tell(earlier, from);
        }

        _earlier.Enqueue((message, sender));
        if (_earlier.Count > Remembered)
        {
            _earlier.Dequeue();
        }
    }

    private IActorRef AnswerPath(IActorRef session)
    {
        if (!_answerPaths.TryGetValue(session, out var path))
        {
            var answerSeed = _random.Next();
            path = Context.ActorOf(Props.Create(() => new LossyPath(session, answerSeed, loss, duplication, false)));
            _answerPaths.Add(session, path);
        }

        return path;
    }
}
