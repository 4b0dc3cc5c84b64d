using System.Net;
using System.Net.Sockets;
using FleetVibe.Composition;
using FleetVibe.Configuration;
using FleetVibe.Protocol.Transport;
using FleetVibe.Tests.Configuration;
using FleetVibe.Verbs.Check;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Tests.Composition;

public sealed class NodeProcessTests : IAsyncLifetime, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fleetvibe-test-").FullName;
    private readonly StringWriter _output = new();
    private readonly RoleStack _stack;
    private readonly RoleHosts _hosts;

    public NodeProcessTests()
    {
        _stack = new RoleStack(_output);
        _hosts = new RoleHosts(new LogRules(LogLevel.Critical, LogLevel.Critical, () => true));
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public void Dispose() => _output.Dispose();

    public async Task DisposeAsync()
    {
        await _stack.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Every_role_of_one_file_starts_and_is_reached_over_loopback_with_a_token()
    {
        await StartAsync(Loading.Settings(AllInOne()));

        var started = _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(' ')[0]);
        Assert.Equal(["gateway", "aggregator", "agent", "page"], started);
        Assert.Contains("reports to http://127.0.0.1:", _output.ToString(), StringComparison.Ordinal);
        using var client = new HttpClient(new SocketsHttpHandler(), disposeHandler: true) { BaseAddress = new Uri(PageAddress()) };
        Assert.Contains("\"aggregator\"", await client.GetStringAsync("/api/fleet"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_role_that_listens_for_others_is_reached_by_its_own_process_beside_them()
    {
        // Its port wants the token of the file; the certificate would name no loopback address.
        File.WriteAllText(Path.Combine(_folder, "accept.token"), "s3cret");
        var settings = Loading.Settings($"""
            [node]
            data_dir = "{_folder}"
            [[agent.sources]]
            kind = "json_log"
            path = "{_folder}/requests.jsonl"
            [aggregator]
            listen = ":0"
            token_file = "{_folder}/accept.token"
            insecure = true
            [dashboard]
            listen = "127.0.0.1:0"
            [gateway.telegraf]
            url = "http://127.0.0.1:9"
            """);

        await StartAsync(settings);

        var outer = _output.ToString().Split('\n').Single(l => l.StartsWith("aggregator", StringComparison.Ordinal));
        var inner = _output.ToString().Split('\n').Single(l => l.StartsWith("agent", StringComparison.Ordinal));
        Assert.DoesNotContain(new Uri(inner[inner.IndexOf("http", StringComparison.Ordinal)..]).Port.ToString(System.Globalization.CultureInfo.InvariantCulture), outer, StringComparison.Ordinal);
        Assert.Contains(":0.0.0.0:", outer.Replace("//", ":", StringComparison.Ordinal).Replace("[::]", "0.0.0.0", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_busy_page_port_gives_way_only_where_it_is_the_default()
    {
        using var busy = new TcpListener(IPAddress.Loopback, 0);
        busy.Start();
        var port = ((IPEndPoint)busy.LocalEndpoint).Port;
        var dashboard = new Dashboard.DashboardSettings
        {
            Listen = new ListenSettings { Address = new ListenAddress(IPAddress.Loopback, port) },
            Aggregators = new PeerSettings { Addresses = [new Uri("http://127.0.0.1:9")] },
        };

        var moved = await new PageStart(_hosts, _stack, _output).StartAsync(dashboard, portMayMove: true, CancellationToken.None);
        Assert.NotEqual(port, moved.Port);
        Assert.Contains($"warning: port {port} of the page is taken, trying ", _output.ToString(), StringComparison.Ordinal);

        var e = await Assert.ThrowsAsync<RoleStartException>(() => new PageStart(_hosts, _stack, _output).StartAsync(dashboard, portMayMove: false, CancellationToken.None));
        Assert.Contains("Stop the process that has the port, or write another listen", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Roles_stop_in_the_reverse_order_of_their_start()
    {
        List<string> stopped = [];
        foreach (var role in new[] { "first", "second", "third" })
        {
            await _stack.StartAsync(role, name =>
            {
                var builder = RoleBuilders.CreateBuilder(name, new LogRules(LogLevel.Critical, LogLevel.Critical, () => true));
                builder.Services.AddHostedService(_ => new Recorder(() => stopped.Add(name)));
                return builder.Build();
            }, CancellationToken.None);
        }

        await _stack.StopAsync();

        Assert.Equal(["third", "second", "first"], stopped);
        Assert.False(_stack.Ended.IsCompleted);
    }

    [Fact]
    public async Task A_role_that_ends_by_itself_is_noticed()
    {
        var host = await _stack.StartAsync(
            "gateway", role => RoleBuilders.CreateBuilder(role, new LogRules(LogLevel.Critical, LogLevel.Critical, () => true)).Build(), CancellationToken.None);

        host.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

        Assert.Equal("gateway", await _stack.Ended);
    }

    [Fact]
    public async Task A_probe_names_what_does_not_answer_and_the_cure()
    {
        var settings = Loading.Settings(Samples.Agent($"[[agent.sources]]\nkind = \"json_log\"\npath = \"{_folder}/none.jsonl\"")) with { DataDirectory = "/proc/none" };

        var results = await new Probes(settings with { Agent = settings.Agent! with { Aggregators = new PeerSettings { Addresses = [new Uri("http://127.0.0.1:9")] } } }, TimeProvider.System)
            .RunAsync(CancellationToken.None);

        Assert.Equal(["data_dir", "json_log", "aggregator"], results.Select(r => r.What));
        Assert.All(results, r => Assert.False(r.Ok));
        Assert.Contains("set [node] data_dir", results[0].Text, StringComparison.Ordinal);
        Assert.Contains("check path", results[1].Text, StringComparison.Ordinal);
        Assert.Contains("check the address, and that it runs", results[2].Text, StringComparison.Ordinal);
    }

    private Task StartAsync(FleetVibeSettings settings) => new NodeProcess(settings, _hosts, _stack, _output).StartAsync(CancellationToken.None);

    private string PageAddress() => _output.ToString().Split('\n').Single(l => l.StartsWith("page", StringComparison.Ordinal)).Split(' ')[^1];

    private string AllInOne() => $"""
        [node]
        data_dir = "{_folder}"
        [[agent.sources]]
        kind = "json_log"
        path = "{_folder}/requests.jsonl"
        [aggregator]
        [dashboard]
        listen = "127.0.0.1:0"
        [gateway.telegraf]
        url = "http://127.0.0.1:9"
        """;

    private sealed class Recorder(Action stopped) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken)
        {
            stopped();
            return Task.CompletedTask;
        }
    }
}
