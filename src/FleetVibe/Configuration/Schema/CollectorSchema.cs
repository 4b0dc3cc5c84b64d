namespace FleetVibe.Configuration.Schema;

/// <summary>Keys of the sources that read collectors of the user's own.</summary>
internal static class CollectorSchema
{
    public const string Exec = "exec";
    public const string Push = "push";

    public static IReadOnlyList<string> Kinds { get; } = [Exec, Push];

    public static IReadOnlyList<KeySpec> Keys { get; } =
    [
        new KeySpec("argv", new ListType(new TextType("/usr/local/bin/collect-requests")), "The command: program and arguments, read by no shell. It must end with 0 before timeout; of any other run nothing is counted.") { OnlyFor = [Exec], Required = true },
        new KeySpec("output", new ChoiceType("output of a command", ["json", "prometheus", "line_protocol"], "prometheus"), "What it prints: json: the requests that ended since its last run, one object a line; prometheus or line_protocol: counters since the server's start, and gauges.") { OnlyFor = [Exec], Required = true },
        new KeySpec("environment", new MapType(new SecretType("use \"${NAME}\"", AsToken: false), [], "{ API_KEY = \"${SCOPE}\" }"), "What the command finds in its environment beside PATH, HOME, LC_ALL and FLEETVIBE_CURSOR; values are never shown.") { OnlyFor = [Exec] },
        new KeySpec("socket", new PathType("/run/fleetvibe/own.sock"), "The Unix socket, on which the service of protos/fleetvibe/v1/collector.proto listens.") { OnlyFor = [Push], Default = "/run/fleetvibe/collectors.sock" },
        new KeySpec("socket_mode", new ChoiceType("mode of a socket", ["0600", "0660"], "0660"), "Who may connect: the agent's user, or its group too.") { OnlyFor = [Push], Default = "0600" },
    ];
}
