using Akka.Event;

namespace FleetVibe.Aggregator.Membership;

/// <summary>
/// Takes what Akka would print on standard output before its loggers run and after they have stopped: by then nothing
/// happens but the stop itself, and standard output belongs to the verb.
/// </summary>
internal sealed class SilentLogger : MinimalLogger
{
    protected override void Log(object message)
    {
    }
}
