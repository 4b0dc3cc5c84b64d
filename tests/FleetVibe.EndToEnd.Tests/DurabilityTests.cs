using System.Diagnostics;
using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.Transport;
using FleetVibe.Protocol.V1;
using FleetVibe.Simulator.Telegraf;
using Google.Protobuf;
using Grpc.Core;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>Durable means on the disk. A kill cannot show that, the page cache survives it: the system calls do.</summary>
public class DurabilityTests
{
    private const int Commits = 20;
    private const int Records = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [RequiresStraceFact]
    public async Task A_commit_is_answered_after_its_log_was_synced()
    {
        using var folder = new TemporaryFolder();
        var port = InfluxServer.FreePort();
        var config = folder.Write("gateway.toml", $"""
            [node]
            data_dir = "{folder.Sub("data")}"
            [gateway]
            listen = "127.0.0.1:{port}"
            [gateway.telegraf]
            url = "http://127.0.0.1:{InfluxServer.FreePort()}"
            """);
        var trace = Path.Combine(folder.Path, "trace");
        await using (var gateway = Binary.StartUnder(SystemCallTrace.Command(trace), "gateway", "run", "--config", config))
        {
            await gateway.WaitForOutputAsync("running", Patience);
            await CommitAsync(new Uri($"http://127.0.0.1:{port}"));
            await gateway.StopAsync();
        }

        var answers = SystemCallTrace.AnswersAfterSync(await SystemCallTrace.ReadAsync(trace, Patience), "commit-log.db-wal");

        // The first question only reads: a sync before its answer is one of the start's.
        Assert.Equal(Enumerable.Repeat(true, Commits), answers.Skip(1));
    }

    [RequiresStraceFact]
    public async Task A_record_leaves_after_its_spool_was_synced()
    {
        using var folder = new TemporaryFolder();
        await using var telegraf = await SimulatedTelegraf.StartAsync(new SimulatedTelegrafSettings(), TimeProvider.System);
        var (aggregatorPort, gatewayPort) = (InfluxServer.FreePort(), InfluxServer.FreePort());
        var log = folder.Write("requests.jsonl", "");
        var cluster = folder.Write("cluster.toml", $"""
            [node]
            data_dir = "{folder.Sub("data")}"
            [aggregator]
            listen = "127.0.0.1:{aggregatorPort}"
            [gateway]
            listen = "127.0.0.1:{gatewayPort}"
            [gateway.telegraf]
            url = "{telegraf.Address}"
            [dashboard]
            listen = "127.0.0.1:0"
            """);
        var agentConfig = folder.Write("agent.toml", $"""
            [node]
            name = "gpu-1"
            data_dir = "{folder.Sub("spool")}"
            [agent]
            aggregators = ["http://127.0.0.1:{aggregatorPort}"]
            [[agent.sources]]
            kind = "json_log"
            path = "{log}"
            model = "m"
            """);
        var trace = Path.Combine(folder.Path, "trace");
        await using var rest = Binary.Start("aggregator and gateway", "run", "--config", cluster);
        await rest.WaitForOutputAsync("running", Patience);
        await using (var agent = Binary.StartUnder(SystemCallTrace.Command(trace), "agent", "run", "--config", agentConfig))
        {
            // Zeros are records too: one for each window.
            await Eventually.Holds(() => telegraf.Windows().Distinct().Count() >= Records, Patience, () => $"no windows:\n{agent.Output}");
            await agent.StopAsync();
        }

        var records = SystemCallTrace.RecordsAfterSync(await SystemCallTrace.ReadAsync(trace, Patience), "spool.db-wal");
        Assert.True(records.Count >= Records, $"only {records.Count} records were seen");
        Assert.All(records, Assert.True);
    }

    [RequiresStraceFact]
    public async Task Without_syncs_the_same_check_fails()
    {
        Assert.Equal([true, true, true], await SmallWriterAsync("FULL"));
        Assert.Equal([false, false, false], await SmallWriterAsync("OFF"));
    }

    // Another program that writes with SQLite and answers over a socket, in frames of HTTP/2. The first question comes with the preface.
    private static async Task<IReadOnlyList<bool>> SmallWriterAsync(string synchronous)
    {
        using var folder = new TemporaryFolder();
        var script = folder.Write("writer.py", $"""
            import socket, sqlite3
            frame = bytes([0, 0, 4, 1, 4, 0, 0, 0, 1, 0, 0, 0, 0])
            preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            client, server = socket.socketpair()
            log = sqlite3.connect("{folder.Path}/commit-log.db", isolation_level=None)
            log.execute("PRAGMA journal_mode = WAL")
            log.execute("PRAGMA synchronous = {synchronous}")
            log.execute("CREATE TABLE t (x)")
            for i in range(3):
                client.sendall(preface + frame if i == 0 else frame)
                server.recv(64)
                log.execute("INSERT INTO t VALUES (?)", (i,))
                server.sendall(frame)
            """);
        var trace = Path.Combine(folder.Path, "trace");
        using var process = Process.Start(SystemCallTrace.Strace, [.. SystemCallTrace.Command(trace).Skip(1), "python3", script]);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return SystemCallTrace.AnswersAfterSync(await SystemCallTrace.ReadAsync(trace, Patience), "commit-log.db-wal");
    }

    private static async Task CommitAsync(Uri address)
    {
        var peer = new PeerSettings { Addresses = [address] };
        using var channel = GrpcPeer.CreateChannel(address, peer);
        var gateway = new CommitLog.CommitLogClient(GrpcPeer.CreateInvoker(channel, peer));
        var key = new WindowKey
        {
            Series = new SeriesKey { Model = "m", Task = "t" },
            Start = WindowClock.StartOf(TimeProvider.System.GetUtcNow()) - WindowClock.BaseSeconds,
        };
        var window = await gateway.LoadWindowAsync(new LoadWindowRequest { Key = key });
        var totals = new SeriesTotals();
        for (ulong seq = 1; seq <= Commits; seq++)
        {
            totals.Requests++;
            var reply = await gateway.CommitAsync(new CommitRequest
            {
                Key = key,
                BaseRevision = seq - 1,
                LogId = window.LogId,
                Totals = TotalsMapper.ToWire(totals),
                ExpectedHosts = { "gpu-1" },
                Added =
                {
                    new Contributor
                    {
                        Record = new RecordId { Node = "gpu-1", Instance = ByteString.CopyFrom(new byte[16]), Seq = seq }, Requests = 1, ContentHash = seq,
                    },
                },
            });
            Assert.Equal(CommitReply.Types.Outcome.Committed, reply.Outcome);
        }
    }
}
