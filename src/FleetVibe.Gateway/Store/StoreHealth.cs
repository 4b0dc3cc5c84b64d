using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Store;

/// <summary>Whether the log takes writes, for the status call and the log: one line for each change. Thread safe.</summary>
internal sealed class StoreHealth(ILogger logger)
{
    private volatile string? _error;

    /// <summary>Why the last write failed; empty while the log takes writes.</summary>
    internal string Error => _error ?? "";

    internal void Works()
    {
        if (_error is not null)
        {
            _error = null;
            logger.LogInformation("The commit log takes writes again");
        }
    }

    internal void Fails(string error)
    {
        var before = _error;
        _error = error;
        if (before is null)
        {
            logger.LogError("Nothing is acknowledged, because the commit log takes no writes: {Error}", error);
        }
    }
}
