using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using FleetVibe.Gateway.Delivery;
using FleetVibe.Gateway.Tests.Store;
using Microsoft.Extensions.Logging.Abstractions;

namespace FleetVibe.Gateway.Tests.Delivery;

/// <summary>A test against a real InfluxDB 1.x; skipped, saying so, where <c>influxd</c> is not installed.</summary>
internal sealed class InfluxDbFactAttribute : FactAttribute
{
    internal static string? Binary { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Append("/usr/bin").Select(folder => Path.Combine(folder, "influxd")).FirstOrDefault(File.Exists);

    public InfluxDbFactAttribute()
    {
        if (Binary is null)
        {
            Skip = "influxd (InfluxDB 1.x) is not installed";
        }
    }
}

public sealed class InfluxDbTests : IDisposable
{
    private readonly TestLog _test = new();
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "fleetvibe-influxdb-" + Guid.NewGuid().ToString("N"));
    private readonly HttpClient _http = new(new SocketsHttpHandler()) { Timeout = TimeSpan.FromSeconds(30) };
    private Process? _influxd;

    public void Dispose()
    {
        _influxd?.Kill();
        _influxd?.WaitForExit();
        _influxd?.Dispose();
        _http.Dispose();
        _test.Dispose();
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [InfluxDbFact]
    public async Task Points_are_read_back_as_committed_and_a_conflicting_field_costs_only_its_own_line()
    {
        var url = await StartAsync();
        var log = new CollectingLogger<Deliverer>();
        using var deliverer = new Deliverer(
            _test.Log,
            new TelegrafSettings { Url = url, Dialect = TelegrafDialect.InfluxDbV1, Database = "fleet", CreateDatabase = true },
            new DeliveryStatus(_test.Clock, NullLogger<DeliveryStatus>.Instance), _test.Clock, new Random(1), log);
        await _test.CommitAsync(0, TestLog.Totals(3), TestLog.Part(1, 3));
        await DrainAsync(deliverer);
        await _test.CommitAsync(1, TestLog.Totals(5, errors: 1), TestLog.Part(2, 2));
        await DrainAsync(deliverer);

        Assert.Equal("5", await ValueAsync(url, "SELECT requests FROM vibe_fleet WHERE model = 'vibethinker-1.5b'"));
        Assert.Equal("1", await ValueAsync(url, "SELECT count(requests) FROM vibe_fleet"));
        Assert.Equal("0.2", await ValueAsync(url, "SELECT error_rate FROM vibe_fleet"));
        Assert.Equal("250", await ValueAsync(url, "SELECT response_time_p99_ms FROM vibe_fleet"));

        // An older tool wrote the field as an integer.
        using var old = new StringContent($"vibe_model,host=gpu-1,model=m response_time_ms=7i {TestLog.Start - 10}000000000\n");
        (await _http.PostAsync(new Uri(url, "/write?db=fleet"), old)).EnsureSuccessStatusCode();
        await _test.AdmitAsync();
        await _test.PutAsync(9, TestLog.NodePoint(12.5));
        await _test.CommitAsync(2, TestLog.Totals(6, errors: 1), TestLog.Part(3, 1));
        await DrainAsync(deliverer);

        Assert.Equal("6", await ValueAsync(url, "SELECT requests FROM vibe_fleet"));
        Assert.Contains(log.Lines, l => l.Contains("vibe_model.response_time_ms", StringComparison.Ordinal));
        var (produced, queued, delivered, superseded, dead, _) = await _test.LedgerAsync();
        Assert.Equal((4, 0, 3, 0, 1), (produced, queued, delivered, superseded, dead));
    }

    private async Task DrainAsync(Deliverer deliverer)
    {
        for (var i = 0; i < 50 && await _test.Log.HasDueAsync([]); i++)
        {
            await deliverer.StepAsync(CancellationToken.None);
        }
    }

    private async Task<Uri> StartAsync()
    {
        Directory.CreateDirectory(_folder);
        var (http, rpc) = FreePorts();
        await File.WriteAllTextAsync(Path.Combine(_folder, "influxdb.conf"), $"""
            reporting-disabled = true
            bind-address = "127.0.0.1:{rpc}"
            [meta]
              dir = "{_folder}/meta"
            [data]
              dir = "{_folder}/data"
              wal-dir = "{_folder}/wal"
              query-log-enabled = false
            [monitor]
              store-enabled = false
            [http]
              bind-address = "127.0.0.1:{http}"
              log-enabled = false
            """);
        _influxd = Process.Start(new ProcessStartInfo(InfluxDbFactAttribute.Binary!, ["run", "-config", Path.Combine(_folder, "influxdb.conf")])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        _influxd.OutputDataReceived += (_, _) => { };
        _influxd.ErrorDataReceived += (_, _) => { };
        _influxd.BeginOutputReadLine();
        _influxd.BeginErrorReadLine();
        var url = new Uri($"http://127.0.0.1:{http}");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System);
        while (true)
        {
            try
            {
                if ((await _http.GetAsync(new Uri(url, "/ping"), patience.Token)).StatusCode == HttpStatusCode.NoContent)
                {
                    return url;
                }
            }
            catch (HttpRequestException) when (!_influxd.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, patience.Token);
            }
        }
    }

    private async Task<string> ValueAsync(Uri url, string query)
    {
        var body = await _http.GetStringAsync(new Uri(url, "/query?db=fleet&q=" + Uri.EscapeDataString(query)));
        using var json = JsonDocument.Parse(body);
        var values = json.RootElement.GetProperty("results")[0].GetProperty("series")[0].GetProperty("values");
        return values[values.GetArrayLength() - 1][1].GetRawText();
    }

    private static (int, int) FreePorts()
    {
        using var first = new TcpListener(IPAddress.Loopback, 0);
        using var second = new TcpListener(IPAddress.Loopback, 0);
        first.Start();
        second.Start();
        return (((IPEndPoint)first.LocalEndpoint).Port, ((IPEndPoint)second.LocalEndpoint).Port);
    }
}
