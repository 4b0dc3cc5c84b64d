namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>Needs a real InfluxDB 1.x; tests/run.sh installs it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresInfluxFactAttribute : FactAttribute
{
    public RequiresInfluxFactAttribute()
    {
        if (InfluxServer.Executable is null)
        {
            Skip = "influxd is not installed (Debian: apt-get install influxdb)";
        }
    }
}
