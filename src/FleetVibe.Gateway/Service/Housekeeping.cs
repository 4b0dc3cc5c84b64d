using FleetVibe.Metrics.Windows;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Service;

/// <summary>At each window end: the gateway's own point, and once a minute the horizon and what lies below it.</summary>
internal sealed class Housekeeping(ICommitLog log, GatewaySettings settings, TimeProvider clock, ILogger<Housekeeping> logger) : BackgroundService
{
    private bool _failing;
    private bool _isUntidy;

    /// <summary>What is due at the end of the window that began at <paramref name="windowStart"/>, and tidying that failed before.</summary>
    internal async Task OnWindowEndAsync(long windowStart, CancellationToken stopping)
    {
        _isUntidy |= windowStart % 60 == 0;
        try
        {
            // First, for it makes the room that a point needs; a portion at a time, so that commits come in between.
            while (_isUntidy && !stopping.IsCancellationRequested)
            {
                _isUntidy = await log.MaintainAsync();
            }
        }
        finally
        {
            await log.PutOwnPointAsync(settings.Name, windowStart);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var window = WindowClock.StartOf(clock.GetUtcNow());
            var wait = WindowClock.EndOf(window) - clock.GetUtcNow();
            await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.FromMilliseconds(1), clock, stoppingToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            try
            {
                await OnWindowEndAsync(window, stoppingToken);
                _failing = false;
            }
            catch (Exception e)
            {
                if (!_failing)
                {
                    logger.LogError(e, "The gateway cannot write its own point or tidy the commit log: {Error}", e.Message);
                }

                _failing = true;
            }
        }
    }
}
