namespace FleetVibe.Gateway.Store;

/// <summary>Connects to the PostgreSQL of a gateway once, as the gateway would, and changes nothing.</summary>
public static class PostgresProbe
{
    /// <returns>Whether a commit log can be kept there, and one line for a user without a secret.</returns>
    public static async Task<(bool Ok, string Text)> ProbeAsync(PostgresSettings settings) => await Task.Run(() =>
    {
        try
        {
            return (true, PostgresBackend.Probe(settings));
        }
        catch (Exception e) when (e is StoreUnusableException or StoreUnavailableException)
        {
            return (false, e.Message);
        }
    });
}
