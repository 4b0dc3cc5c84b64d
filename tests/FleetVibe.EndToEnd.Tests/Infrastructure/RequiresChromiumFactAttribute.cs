namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>Needs a browser; tests/run.sh installs it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresChromiumFactAttribute : FactAttribute
{
    public const string Executable = "/usr/bin/chromium";

    public RequiresChromiumFactAttribute()
    {
        if (!File.Exists(Executable))
        {
            Skip = "chromium is not installed (Debian: apt-get install chromium)";
        }
    }
}
