namespace FleetVibe.Agent.Spool;

/// <summary>The spool cannot be used; the message names the file and the cure.</summary>
public class SpoolException : Exception
{
    public SpoolException()
    {
    }

    public SpoolException(string message)
        : base(message)
    {
    }

    public SpoolException(string message, Exception cause)
        : base(message, cause)
    {
    }
}

/// <summary>The file is no spool, or contradicts itself: it is set aside.</summary>
internal sealed class SpoolDamagedException(string message) : SpoolException(message);
