using System.Text;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Exec;
using FleetVibe.Agent.Sources.Push;
using FleetVibe.Configuration.Values;

namespace FleetVibe.Configuration.Binding;

/// <summary>Sources that read collectors of the user's own.</summary>
internal static class CollectorBinder
{
    public static ExecSourceSettings? Exec(SectionValues section, Findings findings)
    {
        var argv = section.List<string>("argv");
        if (section.Find<string>("output") is not { } output || argv.Count == 0)
        {
            if (section.IsWritten("argv") && argv.Count == 0)
            {
                findings.Error(section.OriginOf("argv"), "argv is empty: write the program and its arguments, e.g. argv = [\"/usr/local/bin/collect-requests\"]");
            }

            return null;
        }

        var families = section.Map("families");
        foreach (var (figure, text, problem) in families.Select(f => (f.Key, f.Value, FamilyMap.ProblemOf(f.Key, f.Value))).Where(f => f.Item3 is not null))
        {
            findings.Error(section.OriginOf("families"), $"families.{figure} = \"{text}\" {problem}");
        }

        foreach (var name in section.Map("environment").Keys.Where(name => name.Length == 0 || name.Contains('=', StringComparison.Ordinal)))
        {
            findings.Error(section.OriginOf("environment"), $"environment has \"{name}\", which is no name of a variable");
        }

        var own = section.Written("families", "model_label", "once_labels");
        if (output != "prometheus" && own.Count > 0)
        {
            findings.Error(section.OriginOf(own[0]), $"{own[0]} belongs to output = \"prometheus\", not to \"{output}\": take it out");
        }

        return new ExecSourceSettings
        {
            Argv = argv,
            Output = output switch
            {
                "json" => ExecOutput.Json,
                "prometheus" => ExecOutput.Prometheus,
                _ => ExecOutput.LineProtocol,
            },
            Environment = section.Map("environment").ToDictionary(StringComparer.Ordinal),
            Families = families,
            ModelLabel = section.Find<string>("model_label"),
            OnceLabels = section.List<string>("once_labels"),
            ExternalClock = section.Find<string>("clock") == "external",
            Interval = section.Find<object>("interval") as TimeSpan?,
            Timeout = section.Find<TimeSpan>("timeout"),
        };
    }

    public static PushSourceSettings? Push(SectionValues section, Findings findings)
    {
        if (section.Find<string>("socket") is not { } socket)
        {
            return null;
        }

        if (Encoding.UTF8.GetByteCount(socket) > PushSourceSettings.MaxPathBytes)
        {
            findings.Error(section.OriginOf("socket"), $"socket = \"{socket}\" is too long for a socket: at most {PushSourceSettings.MaxPathBytes} bytes are possible");
            return null;
        }

        const UnixFileMode User = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new PushSourceSettings
        {
            Socket = socket,
            Mode = section.Find<string>("socket_mode") == "0660" ? User | UnixFileMode.GroupRead | UnixFileMode.GroupWrite : User,
            ExternalClock = section.Find<string>("clock") == "external",
        };
    }
}
