using System.Globalization;
using FleetVibe.Chaos.Processes;

namespace FleetVibe.Chaos.Campaigns;

/// <summary>What this kernel and this user can do.</summary>
internal static class Surroundings
{
    /// <summary>Whether a network namespace of its own, thrown away at once, can have delays.</summary>
    public static async Task<bool> HasNetemAsync()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"fleetvibe-chaos-{Environment.ProcessId}");
        if (!await Tools.RunAsync("ip", "netns", "add", name))
        {
            return false;
        }

        try
        {
            return await Tools.RunAsync("ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms");
        }
        finally
        {
            await Tools.RunAsync("ip", "netns", "del", name);
        }
    }
}
