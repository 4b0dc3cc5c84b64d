using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>A real InfluxDB 1.x on free loopback ports with a data folder of its own.</summary>
internal sealed class InfluxServer : IAsyncDisposable
{
    private readonly Process _process;
    private readonly TemporaryFolder _folder;
    private readonly HttpClient _client;

    private InfluxServer(Process process, TemporaryFolder folder, Uri address)
    {
        _process = process;
        _folder = folder;
        Address = address;
        _client = new HttpClient(new SocketsHttpHandler()) { BaseAddress = address };
    }

    public Uri Address { get; }

    /// <summary>Null where Debian's package influxdb is not installed.</summary>
    public static string? Executable { get; } =
        new[] { "/usr/bin/influxd", "/usr/local/bin/influxd" }.FirstOrDefault(File.Exists);

    public static async Task<InfluxServer> StartAsync()
    {
        var folder = new TemporaryFolder();
        var (http, rpc) = (FreePort(), FreePort());
        var config = folder.Write("influxdb.conf", $"""
            reporting-disabled = true
            bind-address = "127.0.0.1:{rpc}"
            [meta]
              dir = "{folder.Path}/meta"
            [data]
              dir = "{folder.Path}/data"
              wal-dir = "{folder.Path}/wal"
            [http]
              bind-address = "127.0.0.1:{http}"
              log-enabled = false
            [monitor]
              store-enabled = false
            """);
        var process = Process.Start(new ProcessStartInfo(Executable!, ["-config", config]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        var server = new InfluxServer(process, folder, new Uri($"http://127.0.0.1:{http}"));
        await Eventually.Holds(server.AnswersAsync, TimeSpan.FromSeconds(60), () => "influxd does not answer /ping");
        return server;
    }

    /// <summary>Rows of one InfluxQL query over one measurement, each a map from column to value; times in unix nanoseconds.</summary>
    public async Task<IReadOnlyList<IReadOnlyDictionary<string, JsonElement>>> QueryAsync(string database, string query)
    {
        var path = $"/query?db={Uri.EscapeDataString(database)}&epoch=ns&q={Uri.EscapeDataString(query)}";
        using var document = JsonDocument.Parse(await _client.GetStringAsync(new Uri(path, UriKind.Relative)));
        var result = document.RootElement.GetProperty("results")[0];
        if (result.TryGetProperty("error", out var error))
        {
            throw new InvalidOperationException($"{query}: {error.GetString()}");
        }

        var rows = new List<IReadOnlyDictionary<string, JsonElement>>();
        if (result.TryGetProperty("series", out var series))
        {
            foreach (var one in series.EnumerateArray())
            {
                var columns = one.GetProperty("columns").EnumerateArray().Select(c => c.GetString()!).ToArray();
                foreach (var value in one.GetProperty("values").EnumerateArray())
                {
                    rows.Add(columns.Zip(value.EnumerateArray().Select(v => v.Clone())).ToDictionary(p => p.First, p => p.Second, StringComparer.Ordinal));
                }
            }
        }

        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Dispose();
    }

    /// <summary>A port that was free a moment ago, for a program that cannot be asked which one it took.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            using var response = await _client.GetAsync(new Uri("/ping", UriKind.Relative));
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return _process.HasExited
                ? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"influxd ended with {_process.ExitCode}"))
                : false;
        }
    }
}
