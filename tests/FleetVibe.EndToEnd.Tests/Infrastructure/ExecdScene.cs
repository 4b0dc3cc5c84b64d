using System.Globalization;
using System.Net;
using System.Net.Sockets;
using FleetVibe.Metrics.LineProtocol;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>A node with a request log and a model server that prints a summary, a configuration for them, and a Telegraf that runs it.</summary>
internal sealed class ExecdScene : IAsyncDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan RestartDelay = TimeSpan.FromMilliseconds(200);

    private readonly TemporaryFolder _folder = new();
    private readonly WebApplication _server;
    private readonly List<TelegrafExecd> _started = [];
    private volatile TaskCompletionSource _mayAnswer = Completed();
    private int _scrapes;
    private int _written;

    private ExecdScene(WebApplication server) => _server = server;

    /// <summary>The Telegraf that was started last.</summary>
    public TelegrafExecd Telegraf => _started[^1];

    /// <summary>Every Telegraf of this scene.</summary>
    public IReadOnlyList<TelegrafExecd> Telegrafs => _started;

    public int Scrapes => Volatile.Read(ref _scrapes);

    /// <summary>Newlines and signals that asked for a collection, as far as they are counted.</summary>
    public int Prompts { get; set; }

    /// <summary>Lines that were written to the log.</summary>
    public int Written => _written;

    /// <summary>Of the log, as their last revisions say it.</summary>
    public long Requests => _started.SelectMany(telegraf => telegraf.Points)
        .Where(point => point.Measurement == "vibe_model")
        .GroupBy(KeyOf)
        .Sum(revisions => revisions.Last().Fields.SingleOrDefault(candidate => candidate.Key == "requests").Value.Integer);

    public string SummaryUrl => $"http://127.0.0.1:{new Uri(_server.Urls.Single()).Port}/summary";

    public string LogPath => Path.Combine(_folder.Path, "requests.jsonl");

    public string LogSource => $"""
        [[agent.sources]]
        kind = "json_log"
        path = "{LogPath}"
        start_at = "beginning"
        model = "m"
        """;

    /// <summary>A block of the plugin, as it stands in a Telegraf configuration.</summary>
    public string Block => $"""
        [[inputs.vibe_thinker]]
          endpoint = "{SummaryUrl}"
          timeout = "20s"
          interval = 3600
          [inputs.vibe_thinker.headers]
            Authorization = "Bearer xyz789"
        """;

    public static async Task<ExecdScene> CreateAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, options => options.Protocols = HttpProtocols.Http1));
        var app = builder.Build();
        var scene = new ExecdScene(app);
        app.MapGet("/summary", scene.AnswerAsync);
        await app.StartAsync();
        File.WriteAllText(scene.LogPath, "");
        return scene;
    }

    /// <summary>Finished requests, each in a window of its own, the newest so many seconds ago.</summary>
    public void Log(int requests, int secondsAgo)
    {
        var newest = TimeProvider.System.GetUtcNow().AddSeconds(-secondsAgo);
        File.AppendAllLines(LogPath, Enumerable.Range(0, requests).Select(n => string.Create(
            CultureInfo.InvariantCulture,
            $$"""{"timestamp":"{{newest.AddSeconds(-10 * n):yyyy-MM-ddTHH:mm:ss.fffZ}}","duration_ms":120,"status":"stop","prompt_tokens":3,"completion_tokens":5}""")));
        _written += requests;
    }

    /// <param name="config">Null is the log and the model server.</param>
    public void Start(string? config = null, bool reads = true, bool stopOnError = false)
    {
        var file = Configure(config ?? $"{LogSource}\n{Block}");
        var environment = new Dictionary<string, string> { ["FLEETVIBE__node__data_dir"] = Path.Combine(_folder.Path, "data") };
        _started.Add(new TelegrafExecd(environment, RestartDelay, stopOnError, reads, "execd", "--config", file));
    }

    /// <summary>Writes the configuration; what runs is not told.</summary>
    /// <returns>The file.</returns>
    public string Configure(string config) => _folder.Write("execd.toml", config);

    public void HoldAnswers() => _mayAnswer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Answer() => _mayAnswer.TrySetResult();

    public Task Until(Func<bool> condition) => Eventually.Holds(condition, Limit, () => string.Join('\n', _started.Select(telegraf => telegraf.Story)));

    public static int ClosedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public static string KeyOf(ParsedPoint point) =>
        $"{point.Measurement},{string.Join(',', point.Tags.Select(tag => $"{tag.Key}={tag.Value}"))} {point.TimestampNs}";

    public async ValueTask DisposeAsync()
    {
        Answer();
        foreach (var telegraf in _started)
        {
            await telegraf.DisposeAsync();
        }

        await _server.DisposeAsync();
        _folder.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        Interlocked.Increment(ref _scrapes);
        await _mayAnswer.Task;
        await context.Response.WriteAsync("""{"response_time_ms": 800, "input_tokens": 10, "output_tokens": 20, "errors": 0}""");
    }

    private static TaskCompletionSource Completed()
    {
        var completed = new TaskCompletionSource();
        completed.SetResult();
        return completed;
    }
}
