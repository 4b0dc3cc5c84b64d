using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Protocol.V1;
using FleetVibe.Simulator.Telegraf;
using Grpc.Core;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>Collectors of a user's own: one that pushes, and is cut off, and a command that goes on at its cursor.</summary>
public class CollectorTests
{
    private const int Rounds = 6;
    private const int BatchesARound = 20;
    private const int RequestsABatch = 5;

    [Fact]
    public async Task A_push_client_killed_and_resumed_and_a_command_with_a_cursor_count_every_request_once()
    {
        using var folder = new TemporaryFolder();
        await using var telegraf = await SimulatedTelegraf.StartAsync(new SimulatedTelegrafSettings(), TimeProvider.System);
        var socket = Path.Combine(folder.Path, "c.sock");

        // Prints what was appended since the line that its cursor names.
        var printed = folder.Write("printed.jsonl", "");
        var command = folder.Write("collect.sh", """
            #!/bin/sh
            from=${FLEETVIBE_CURSOR:-0}
            tail -n +$((from + 1)) "$1" | awk -v from="$from" '{ print } END { printf "{\"cursor\":\"%d\"}\n", from + NR }'
            """);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(command, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        var config = folder.Write("fleetvibe.toml", $"""
            [node]
            data_dir = "{folder.Sub("data")}"
            [[agent.sources]]
            kind = "push"
            socket = "{socket}"
            [[agent.sources]]
            kind = "exec"
            argv = ["{command}", "{printed}"]
            output = "json"
            model = "printed"
            interval = "1s"
            [aggregator]
            [gateway.telegraf]
            url = "{telegraf.Address}"
            [dashboard]
            listen = "127.0.0.1:0"
            """);

        var client = new CollectorClient(socket, "own");
        var (pushed, appended) = (0, 0);
        var binary = Binary.Start("run", "run", "--config", config);
        try
        {
            for (var round = 0; round < Rounds; round++)
            {
                for (var i = 0; i < BatchesARound; i++)
                {
                    client.Add([.. Enumerable.Range(0, RequestsABatch).Select(_ => Request())]);
                    pushed += RequestsABatch;
                    appended++;
                    await File.AppendAllTextAsync(printed, $"{{\"timestamp\":{TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()},\"duration_ms\":100}}\n");
                }

                await binary.WaitForOutputAsync("takes collectors on", TimeSpan.FromMinutes(1));

                // Cut off in the middle of whatever it does; every other time the agent dies with it.
                using var cut = new CancellationTokenSource(TimeSpan.FromMilliseconds(400 + (250 * round)));
                await TryAsync(client, cut.Token);
                if (round % 2 == 1)
                {
                    await binary.DisposeAsync();
                    binary = Binary.Start($"run {round}", "run", "--config", config);
                }
            }

            await Eventually.Holds(
                async () =>
                {
                    await TryAsync(client, CancellationToken.None);
                    return client.Held == 0;
                },
                TimeSpan.FromMinutes(1), () => $"{client.Held} batches are not acknowledged:\n{binary.Output}");
            await Eventually.Holds(
                () => Of(telegraf, "vibethinker-1.5b") >= pushed && Of(telegraf, "printed") >= appended,
                TimeSpan.FromMinutes(1), () => $"Telegraf holds {Of(telegraf, "vibethinker-1.5b")} of {pushed} and {Of(telegraf, "printed")} of {appended}:\n{binary.Output}");
            Assert.Equal(0, await binary.StopAsync());

            Assert.Equal((pushed, appended), (Of(telegraf, "vibethinker-1.5b"), Of(telegraf, "printed")));
            Assert.Equal(7L * pushed, telegraf.FleetSum("output_tokens"));
            Assert.Empty(telegraf.Violations);
        }
        finally
        {
            await binary.DisposeAsync();
        }
    }

    private static FinishedRequest Request() => new()
    {
        CompletedUs = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() * 1000, DurationS = 0.2, InputTokens = 3, OutputTokens = 7,
    };

    private static long Of(SimulatedTelegraf telegraf, string model) => telegraf.FleetSum("requests", point => point.Tags["model"] == model);

    private static async Task TryAsync(CollectorClient client, CancellationToken cut)
    {
        try
        {
            await client.RunAsync(cut, resend: true);
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException or IOException)
        {
            // It goes on at the next try.
        }
    }
}
