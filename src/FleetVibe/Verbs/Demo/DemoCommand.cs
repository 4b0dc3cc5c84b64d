using System.CommandLine;
using FleetVibe.Composition;
using FleetVibe.Gateway;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Verbs.Demo;

/// <summary><c>demo</c>: a small fleet in one process, and whether its numbers are right.</summary>
internal static class DemoCommand
{
    private const int MostNodes = 50;

    public static Command Create()
    {
        var limit = ValueOptions.Duration("--for", "Stops the traffic after this time, drains, and judges; without it on Ctrl-C.");
        var seed = ValueOptions.WithDefault("--seed", "Seed of the requests.", 7);
        var nodes = ValueOptions.WithDefault("--nodes", "GPU nodes, each with an agent.", 3);
        var truth = new Option<string?>("--truth") { Description = "File that gets the exact truth, one request a line; it is written anew.", HelpName = "FILE" };
        var sink = new Option<string?>("--sink") { Description = "Writes to this Telegraf or InfluxDB instead of the simulated Telegraf.", HelpName = "URL" };
        var dialect = ValueOptions.WithDefault("--dialect", "Of the sink: influxdb_v2, influxdb_v1 or http_listener_v2.", "influxdb_v2");
        var database = new Option<string?>("--database") { Description = "Database of the sink, made where it is missing; the bucket of an influxdb_v2.", HelpName = "NAME" };
        var org = new Option<string?>("--org") { Description = "Organisation of an influxdb_v2 sink.", HelpName = "NAME" };
        var tokenFile = new Option<string?>("--token-file") { Description = "Holds the token for the sink.", HelpName = "FILE" };
        var listen = ValueOptions.Listen("--listen", "Address of the page; 127.0.0.1:7070, or the next free port.");
        var command = new Command("demo", $"A fleet in one process: simulated GPU nodes, an agent each, three aggregators, a gateway, a Telegraf.\n\n{ExitCodes.Help}")
        {
            limit, seed, nodes, truth, sink, dialect, database, org, tokenFile, listen,
        };
        command.SetAction((result, _) => (Problem(result, nodes, sink, dialect, database, org, tokenFile) ?? Problem(result, limit, truth, listen)) is { } problem ? RefuseAsync(problem) : RunAsync(new DemoOptions
        {
            For = result.GetValue(limit),
            Seed = result.GetValue(seed),
            Nodes = result.GetValue(nodes),
            TruthPath = result.GetValue(truth),
            Listen = result.GetValue(listen),
            Sink = result.GetValue(sink) is { } url ? Sink(url, result.GetValue(dialect)!, result.GetValue(database), result.GetValue(org), result.GetValue(tokenFile)) : null,
        }));
        return command;
    }

    // Validators would run before the defaults are there.
    private static string? Problem(
        ParseResult result, Option<int> nodes, Option<string?> sink, Option<string> dialect, Option<string?> database, Option<string?> org, Option<string?> tokenFile)
    {
        if (result.GetValue(nodes) is < 1 or > MostNodes)
        {
            return $"--nodes must be from 1 to {MostNodes}";
        }

        if (!Dialects.ContainsKey(result.GetRequiredValue(dialect)))
        {
            return $"--dialect: \"{result.GetValue(dialect)}\" is not known: valid are {string.Join(", ", Dialects.Keys)}";
        }

        if (result.GetValue(sink) is not { } url)
        {
            return result.GetValue(database) is not null || result.GetValue(org) is not null || result.GetValue(tokenFile) is not null
                || result.GetResult(dialect) is { Implicit: false }
                ? "--dialect, --database, --org and --token-file belong to --sink: write that too, or leave them out"
                : null;
        }

        if (result.GetValue(tokenFile) is { } token && !File.Exists(token))
        {
            return $"--token-file: {token} does not exist";
        }

        if (result.GetValue(tokenFile) is not null && Uri.TryCreate(url, UriKind.Absolute, out var open) && open.Scheme == Uri.UriSchemeHttp && !PeerTrust.IsLoopback(open))
        {
            return $"--sink: a token would go to {open.Host} in clear text: use https";
        }

        return Uri.TryCreate(url, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps) && uri.UserInfo.Length == 0
            ? null
            : "--sink is no http or https address without credentials: write one such as http://127.0.0.1:8187";
    }

    private static string? Problem(ParseResult result, Option<TimeSpan?> limit, Option<string?> truth, Option<ListenAddress?> listen)
    {
        if (result.GetValue(limit) is { } length && length <= TimeSpan.Zero)
        {
            return "--for must be longer than nothing: write one such as 60s";
        }

        if (result.GetValue(listen) is { IsLoopback: false } address)
        {
            return $"--listen: the demo's page has no token, so it stays on this machine: write 127.0.0.1:{address.Port}";
        }

        return result.GetValue(truth) is { } path && (Directory.Exists(path) || !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path))))
            ? $"--truth: {path} is no file in a folder that exists"
            : null;
    }

    private static async Task<int> RefuseAsync(string problem)
    {
        await Console.Error.WriteLineAsync($"fleetvibe: {problem}");
        return ExitCodes.Usage;
    }

    private static readonly Dictionary<string, TelegrafDialect> Dialects = new()
    {
        ["influxdb_v2"] = TelegrafDialect.InfluxDbV2,
        ["influxdb_v1"] = TelegrafDialect.InfluxDbV1,
        ["http_listener_v2"] = TelegrafDialect.HttpListenerV2,
    };

    private static TelegrafSettings Sink(string url, string dialect, string? database, string? org, string? tokenFile) => new()
    {
        Url = new Uri(url),
        Dialect = Dialects[dialect],
        Token = tokenFile is null ? null : BearerToken.FromFile(tokenFile),
        Database = Dialects[dialect] == TelegrafDialect.InfluxDbV1 ? database : null,
        CreateDatabase = Dialects[dialect] == TelegrafDialect.InfluxDbV1 && database is not null,
        Bucket = Dialects[dialect] == TelegrafDialect.InfluxDbV2 ? database : null,
        Org = org,
    };

    private static async Task<int> RunAsync(DemoOptions options)
    {
        using var signals = new StopSignals();
        try
        {
            await using var fleet = await DemoFleet.StartAsync(options, Console.Out, Console.Error, signals.Token);
            return await new DemoRun(fleet, options, TimeProvider.System, Console.Out).RunAsync(signals.Token) ? ExitCodes.Ok : ExitCodes.VerdictFailed;
        }
        catch (RoleStartException e)
        {
            await Console.Error.WriteLineAsync($"fleetvibe: {e.Message}");
            return ExitCodes.StartFailed;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return ExitCodes.Ok;
        }
    }
}
