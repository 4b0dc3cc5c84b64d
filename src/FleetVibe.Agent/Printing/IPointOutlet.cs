namespace FleetVibe.Agent.Printing;

/// <summary>Takes this node's points as line protocol, one write after the other.</summary>
public interface IPointOutlet
{
    /// <summary>Ends once everything is handed over and flushed; a reader that is slow makes it late.</summary>
    /// <param name="lines">Whole lines, UTF-8, each with its LF.</param>
    /// <exception cref="IOException">Nobody reads any more.</exception>
    Task WriteAsync(ReadOnlyMemory<byte> lines);
}
