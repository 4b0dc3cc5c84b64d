using System.CommandLine;
using System.Globalization;
using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Telegraf;

namespace FleetVibe.Verbs.Simulate;

/// <summary><c>simulate telegraf</c>: its three listeners, stricter than the real ones, with faults on demand.</summary>
internal static class SimulateTelegrafCommand
{
    public static Command Create()
    {
        var listen = ValueOptions.Listen("--listen", "Where it listens; 127.0.0.1:8187 by default.");
        var certFile = new Option<string?>("--cert-file") { Description = "Its certificate, PEM; without it plain http.", HelpName = "FILE" };
        var keyFile = new Option<string?>("--key-file") { Description = "Its key, PEM.", HelpName = "FILE" };
        var tokenFile = new Option<string?>("--token-file") { Description = "Holds the token that /api/v2/write wants.", HelpName = "FILE" };
        var username = new Option<string?>("--username") { Description = "What /write and /telegraf want, with --password-file.", HelpName = "NAME" };
        var passwordFile = new Option<string?>("--password-file") { Description = "Holds the password.", HelpName = "FILE" };
        var undelivered = ValueOptions.WithDefault("--max-undelivered", "Points that may wait for the output; 0 means any number.", 0);
        var flush = ValueOptions.Duration("--flush", "How often the output takes what waits; at once by default.");
        var output = new Option<string?>("--output") { Description = "File that gets every accepted line; read again at start.", HelpName = "FILE" };
        var faults = new Option<string[]>("--fault") { Description = $"NAME=PROBABILITY for each write ({string.Join(", ", Enum.GetNames<TelegrafFault>().Skip(1))}).", HelpName = "FAULT" };
        var seed = ValueOptions.WithDefault("--fault-seed", "Seed of the faults.", 1);
        var insecure = new Option<bool>("--insecure") { Description = "Allows plain http and a missing token off loopback." };
        var limit = ValueOptions.Duration("--for", "Stops after this time; without it on Ctrl-C.");
        var command = new Command("telegraf", "A simulated Telegraf: influxdb_v2_listener, influxdb_listener and http_listener_v2 on one port.")
        {
            listen, certFile, keyFile, tokenFile, username, passwordFile, undelivered, flush, output, faults, seed, insecure, limit,
        };
        command.SetAction((result, _) => SimulateCommand.RunAsync(stop => RunAsync(
            () => new SimulatedTelegrafSettings
            {
                Listen = result.GetValue(listen) ?? new ListenAddress(System.Net.IPAddress.Loopback, 8187),
                CertFile = result.GetValue(certFile),
                KeyFile = result.GetValue(keyFile),
                Token = result.GetValue(tokenFile) is { } token ? BearerToken.FromFile(token) : null,
                Username = result.GetValue(username),
                Password = result.GetValue(passwordFile) is { } password ? BearerToken.FromFile(password) : null,
                MaxUndelivered = result.GetValue(undelivered),
                FlushInterval = result.GetValue(flush),
                OutputPath = result.GetValue(output),
                Faults = (result.GetValue(faults) ?? []).Select(ParseFault).ToDictionary(f => f.Fault, f => f.Probability),
                FaultSeed = result.GetValue(seed),
                Insecure = result.GetValue(insecure),
            },
            result.GetValue(limit), stop)));
        return command;
    }

    private static (TelegrafFault Fault, double Probability) ParseFault(string text)
    {
        var parts = text.Split('=');
        return parts.Length == 2
            && Enum.TryParse<TelegrafFault>(parts[0], ignoreCase: true, out var fault)
            && double.TryParse(parts[1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var probability)
            && probability <= 1
                ? (fault, probability)
                : throw new FormatException($"--fault: \"{text}\" is not NAME=PROBABILITY, such as Status503=0.1; names are {string.Join(", ", Enum.GetNames<TelegrafFault>().Skip(1))}");
    }

    private static async Task RunAsync(Func<SimulatedTelegrafSettings> settings, TimeSpan? limit, CancellationToken stop)
    {
        await using var telegraf = await SimulatedTelegraf.StartAsync(settings(), TimeProvider.System, stop);
        await Console.Out.WriteLineAsync($"url         {telegraf.Address.ToString().TrimEnd('/')}\nrunning");
        await SimulateCommand.WaitAsync(limit, stop);
        var statistics = telegraf.Statistics;
        await Console.Out.WriteLineAsync($"writes      {statistics.Requests} ({string.Join(", ", statistics.ByStatus.OrderBy(s => s.Key).Select(s => $"{s.Key}: {s.Value}"))})");
        await Console.Out.WriteLineAsync($"points      {statistics.Points} accepted, {telegraf.Points().Count} distinct");
        await Console.Out.WriteLineAsync($"requests    {telegraf.Sum("vibe_fleet", "requests", p => p.Tags.GetValueOrDefault("window") == "10s")} in vibe_fleet, window=10s");
        await Console.Out.WriteLineAsync($"violations  {telegraf.Violations.Count}");
        foreach (var violation in telegraf.Violations.Take(20))
        {
            await Console.Out.WriteLineAsync($"  {violation.Kind}: {violation.Text}");
        }
    }
}
