using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.Prometheus;

namespace FleetVibe.Agent.Sources.Exec;

/// <summary>
/// Runs the command of one source and takes what it printed as a page. Only a run that ended by itself with 0, within its
/// time and its size, is a page: of any other nothing is counted.
/// </summary>
internal sealed class ExecClient(ExecSourceSettings settings, TimeProvider time) : ISourceClient
{
    /// <summary>The variable in which a command finds the cursor that it printed last.</summary>
    internal const string CursorVariable = "FLEETVIBE_CURSOR";

    private const int MaxOutputBytes = 16 * 1024 * 1024;

    private readonly CancellationTokenSource _disposed = new();

    public Task<FetchOutcome> FetchAsync(CancellationToken cancellation) => RunAsync(null, cancellation);

    public Task<FetchOutcome> FetchSinceAsync(CounterState counted, CancellationToken cancellation) => RunAsync(counted.Cursor, cancellation);

    public void Dispose()
    {
        // It ends a run that is under way.
        _disposed.Cancel();
        _disposed.Dispose();
    }

    private async Task<FetchOutcome> RunAsync(string? cursor, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _disposed.Token);
        var environment = settings.Environment.Append(new(CursorVariable, cursor ?? ""));
        var ended = await CommandRun.RunAsync(settings.Argv, environment, settings.Timeout, MaxOutputBytes, time, stop.Token);
        return Judge(ended, time.GetUtcNow()) with { Aside = ended.Errors };
    }

    private FetchOutcome Judge(CommandEnd ended, DateTimeOffset now)
    {
        var command = settings.Argv[0];
        return ended switch
        {
            { Ending: CommandEnding.NotStarted } => FetchOutcome.Failed(
                ErrorClass.ToolFailed, $"{command} cannot be started: {ended.Errors}"),
            { Ending: CommandEnding.TimedOut } => FetchOutcome.Failed(
                ErrorClass.Timeout, $"{command} had not ended after {settings.Timeout.TotalSeconds:0.###} s and was killed with its children: raise timeout, or have it print what it has"),
            { Ending: CommandEnding.TooLarge } => FetchOutcome.Failed(
                ErrorClass.TooLarge, $"{command} printed more than {MaxOutputBytes >> 20} MiB and was killed: have it print only what is new"),
            { ExitCode: not 0 } => FetchOutcome.Failed(
                ErrorClass.ToolFailed, $"{command} ended with {ended.ExitCode}, so that nothing it printed counts{(ended.Errors.Length > 0 ? $": {ended.Errors}" : "")}"),
            _ => new FetchOutcome(new FetchedPage(ended.Output, null, now), null, ""),
        };
    }
}
