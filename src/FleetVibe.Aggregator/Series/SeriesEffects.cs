using FleetVibe.Protocol.V1;
using Google.Protobuf;

namespace FleetVibe.Aggregator.Series;

/// <summary>What the state of a series wants done.</summary>
internal abstract record SeriesEffect
{
    private SeriesEffect()
    {
    }

    internal sealed record LoadOpen : SeriesEffect;

    /// <param name="Window">The window.</param>
    /// <param name="Ticket">To be given back with the answer: an answer to another ticket is stale.</param>
    internal sealed record Load(WindowId Window, long Ticket) : SeriesEffect;

    internal sealed record Commit(WindowId Window, long Ticket, CommitRequest Request) : SeriesEffect;

    /// <summary>Give the part its fate at the gateway, then answer with the fate that stands.</summary>
    /// <param name="Request">The part and the fate it should get.</param>
    /// <param name="ReplyTo">The session.</param>
    /// <param name="Forged">The id belongs to other content: whatever stands, this content is never reported as committed.</param>
    internal sealed record Refuse(RefusePartRequest Request, object ReplyTo, bool Forged) : SeriesEffect;

    internal sealed record Answer(object ReplyTo, IMessage Message) : SeriesEffect;

    /// <summary>Something that an operator has to know.</summary>
    internal sealed record Alarm(string Text) : SeriesEffect;
}
