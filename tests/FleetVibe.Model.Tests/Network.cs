namespace FleetVibe.Model.Tests;

/// <summary>Something under way.</summary>
/// <param name="What">For the trace.</param>
/// <param name="Target">Who must run for it to arrive; null is the gateway.</param>
/// <param name="Deliver">What happens on arrival.</param>
/// <param name="Fail">What its sender sees where it is lost or late; null where nobody sees anything.</param>
internal sealed record Envelope(string What, Member? Target, Action Deliver, Action? Fail)
{
    internal int Copies { get; set; }

    /// <summary>It never leaves its process, so it always arrives.</summary>
    internal bool IsLocal { get; init; }
}

/// <summary>Loses, repeats, delays and reorders messages. A call ends once, with its answer or a failure.</summary>
internal sealed class Network(World world)
{
    private const int MostCopies = 2;

    private readonly List<Envelope> _underWay = [];

    internal int Count => _underWay.Count;

    internal void Send(string what, Member target, Action deliver) => _underWay.Add(new Envelope(what, target, deliver, null));

    /// <summary>A call from a member to the gateway.</summary>
    internal void Call<TReply>(string what, Member caller, Func<TReply?> atGateway, Action<TReply> answered, Action failed)
        where TReply : class
    {
        var ended = false;
        void Fail()
        {
            if (!ended)
            {
                ended = true;
                _underWay.Add(new Envelope("failure of " + what, caller, failed, null) { IsLocal = true });
            }
        }

        _underWay.Add(new Envelope(what, null, () =>
        {
            if (atGateway() is not { } reply)
            {
                Fail();
                return;
            }

            _underWay.Add(new Envelope("answer to " + what, caller, () =>
            {
                if (!ended)
                {
                    ended = true;
                    answered(reply);
                }
            }, Fail));
        }, Fail));
    }

    /// <summary>One message meets its fate.</summary>
    internal void Pump(Random random)
    {
        var deliverable = _underWay.Where(envelope => envelope.Target?.IsPaused != true).Take(200).ToList();
        if (deliverable.Count == 0)
        {
            return;
        }

        var envelope = deliverable[random.Next(2) == 0 ? 0 : random.Next(deliverable.Count)];
        var fate = random.Next(100);
        fate = world.IsCalm || envelope.IsLocal ? 99 : fate;
        if (fate < 8)
        {
            world.Note($"lost: {envelope.What}");
            _underWay.Remove(envelope);
            envelope.Fail?.Invoke();
            return;
        }

        if (fate < 13 && envelope.Copies < MostCopies)
        {
            world.Note($"arrives, and will once more: {envelope.What}");
            envelope.Copies++;
        }
        else if (fate < 18 && envelope.Fail is not null)
        {
            // The caller gives up; what it asked for may still happen.
            world.Note($"given up, still under way: {envelope.What}");
            envelope.Fail();
            return;
        }
        else
        {
            world.Note(envelope.What);
            _underWay.Remove(envelope);
        }

        envelope.Deliver();
    }
}
