using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.RollUps;

/// <summary>Looks once a second for roll-ups that are due, and makes them in turns that let commits in between.</summary>
internal sealed class RollUpLoop(ICommitLog log, TimeProvider clock, ILogger<RollUpLoop> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private bool _failing;
    private string? _lastFault;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                while (!stoppingToken.IsCancellationRequested && Report(await log.RollUpAsync()).More)
                {
                    // A turn at a time.
                }

                if (_failing)
                {
                    logger.LogInformation("Roll-ups are made again");
                }

                _failing = false;
            }
            catch (Exception e)
            {
                if (!_failing)
                {
                    logger.LogError(e, "Roll-ups wait, because the commit log cannot be written: {Error}", e.Message);
                }

                _failing = true;
            }

            await Task.Delay(Pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private RollUpTurn Report(RollUpTurn turn)
    {
        if (turn.Fault is { } fault && fault != _lastFault)
        {
            logger.LogError("A roll-up cannot be made and stays as it was: {Fault}", fault);
            _lastFault = fault;
        }

        return turn;
    }
}
