using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Delivery;

/// <summary>
/// Drains the outbox to Telegraf, one batch at a time: a durable attempt, one request, one reaction. Decides nothing itself.
/// </summary>
internal sealed class Deliverer(
    IOutbox outbox, TelegrafSettings settings, DeliveryStatus status, TimeProvider clock, Random jitter, ILogger<Deliverer> logger) : BackgroundService
{
    // Covers the client's own retry on a fresh connection.
    private static readonly TimeSpan ExpiryMargin = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan StoreRetry = TimeSpan.FromSeconds(5);

    private const int MostConflictsLogged = 100;

    private readonly TelegrafClient _client = new(settings, clock);
    private readonly Suspicion _suspicion = new();
    private readonly HashSet<string> _conflicts = [];
    private DeliveryPace _pace = DeliveryPace.Of(settings);
    private long? _createdDatabaseAt;

    /// <summary>One batch at most. Returns how long to wait before the next step.</summary>
    internal async Task<TimeSpan> StepAsync(CancellationToken stopping)
    {
        await outbox.ReleaseExpiredAsync(clock.GetUtcNow() - settings.QuietTime);
        if (await TakeAsync() is not { } batch)
        {
            status.Working(DeliveryState.Idle, delivered: false);
            return settings.FlushInterval;
        }

        string[] lines = [.. batch.Lines.Select(l => l.Line)];
        var answer = await _client.SendAsync(lines, batch.ExpiresAt, stopping);
        return await ReactAsync(DeliveryReaction.To(answer, settings.Dialect, lines), batch, stopping);
    }

    public override void Dispose()
    {
        _client.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            TimeSpan wait;
            try
            {
                wait = await StepAsync(stoppingToken);
            }
            catch (Exception e)
            {
                // Its attempt, if any, stays in the file and is freed after its quiet time.
                status.Down(DeliveryState.BackingOff, e.Message, _client.Receiver);
                wait = StoreRetry;
            }

            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<DeliveryBatch?> TakeAsync()
    {
        var expiresAt = clock.GetUtcNow() + settings.Timeout + ExpiryMargin;
        while (_suspicion.NextPiece() is { } piece)
        {
            if (await outbox.BeginAttemptAsync(_pace.Limits, expiresAt, piece, _suspicion.Suspects) is { } part)
            {
                return part;
            }
        }

        return await outbox.HasDueAsync(_suspicion.Suspects)
            ? await outbox.BeginAttemptAsync(_pace.Limits, expiresAt, null, _suspicion.Suspects)
            : null;
    }

    private async Task<TimeSpan> ReactAsync(DeliveryReaction reaction, DeliveryBatch batch, CancellationToken stopping)
    {
        switch (reaction.Kind)
        {
            case ReactionKind.Delivered:
                return await OnDeliveredAsync(batch);
            case ReactionKind.QuarantineLine:
                return await ReleaseAsync(batch, new Refusal(batch.Lines[reaction.Line - 1], reaction.Reason));
            case ReactionKind.SplitBytes when batch.Lines.Count > 1:
                _pace = _pace.OnTooManyBytes(batch.Lines.Sum(l => System.Text.Encoding.UTF8.GetByteCount(l.Line) + 1));
                return await ReleaseAsync(batch);
            case ReactionKind.SplitPoints when batch.Lines.Count > 1:
                _pace = _pace.OnTooManyPoints(batch.Lines.Count);
                return await ReleaseAsync(batch);
            case ReactionKind.Bisect or ReactionKind.SplitBytes or ReactionKind.SplitPoints:
                return await OnRefusedAsync(reaction, batch);
            case ReactionKind.SendUncompressed when _client.Compresses:
                _client.Compresses = false;
                return await ReleaseAsync(batch);
            case ReactionKind.CreateDatabase when MayCreateDatabase():
                await ReleaseAsync(batch);
                return await CreateDatabaseAsync(stopping);
            case ReactionKind.CreateDatabase:
                var cure = _client.MayCreateDatabase ? "create_database is tried again in a minute" : $"create database {settings.Database}, or set create_database = true";
                return await OnFailureAsync(DeliveryState.PausedConfig, reaction with { Reason = $"{reaction.Reason}: {cure}" }, batch, DeliveryPace.ConfigurationRetry);
            case ReactionKind.BackOffAndShrink:
                _pace = _pace.OnBusy(batch.Lines.Count);
                return await OnFailureAsync(DeliveryState.BackingOff, reaction, batch, _pace.Wait(jitter.NextDouble(), reaction.RetryAfter));
            case ReactionKind.PauseForAuthorization:
                return await OnFailureAsync(DeliveryState.PausedAuth, reaction, batch, DeliveryPace.AuthorizationRetry);
            case ReactionKind.RetryOnNewConnection:
                _client.DropConnections();
                _pace = _pace.OnFailure();
                return await OnFailureAsync(DeliveryState.BackingOff, reaction, batch, _pace.Wait(jitter.NextDouble(), reaction.RetryAfter));
            default:
                return await OnFailureAsync(DeliveryState.PausedConfig, reaction, batch, DeliveryPace.ConfigurationRetry);
        }
    }

    private async Task<TimeSpan> OnDeliveredAsync(DeliveryBatch batch)
    {
        await outbox.EndAttemptAsync(batch.Attempt, AttemptEnd.Delivered, []);
        _suspicion.OnTaken();
        _pace = _pace.OnDelivered();
        status.Working(DeliveryState.Delivering, delivered: true);
        return batch.Full || _suspicion.HasPieces ? TimeSpan.Zero : settings.FlushInterval;
    }

    private async Task<TimeSpan> OnRefusedAsync(DeliveryReaction reaction, DeliveryBatch batch)
    {
        if (reaction.ConflictingField is { } field && _conflicts.Count < MostConflictsLogged && _conflicts.Add(field))
        {
            logger.LogError(
                "The database holds {Field} with another type: {Reason}. Where it is response_time_ms or gpu_util_percent of vibe_model, set [gateway] integer_compat = true",
                field, reaction.Reason);
        }

        await ReleaseAsync(batch, _suspicion.OnRefused(batch.Lines) ? new Refusal(batch.Lines[0], reaction.Reason) : null);
        if (!_suspicion.DoubtsReceiver)
        {
            return TimeSpan.Zero;
        }

        _pace = _pace.OnFailure();
        status.Down(DeliveryState.PausedConfig, $"the receiver refused every line so far ({reaction.Reason})", _client.Receiver);
        return _pace.Wait(jitter.NextDouble());
    }

    private bool MayCreateDatabase() =>
        _client.MayCreateDatabase && (_createdDatabaseAt is not { } last || clock.GetElapsedTime(last) >= DeliveryPace.ConfigurationRetry);

    private async Task<TimeSpan> CreateDatabaseAsync(CancellationToken stopping)
    {
        _createdDatabaseAt = clock.GetTimestamp();
        var answer = await _client.CreateDatabaseAsync(stopping);
        if (answer is DeliveryAnswer.Response { Status: 200 or 204 })
        {
            logger.LogInformation("Created the database {Database}", settings.Database);
            return TimeSpan.Zero;
        }

        var reason = DeliveryReaction.To(answer, settings.Dialect, []).Reason;
        status.Down(DeliveryState.PausedConfig, $"database {settings.Database} is missing, and create_database failed ({reason}): it is tried again in a minute", _client.Receiver);
        return DeliveryPace.ConfigurationRetry;
    }

    private async Task<TimeSpan> OnFailureAsync(DeliveryState state, DeliveryReaction reaction, DeliveryBatch batch, TimeSpan wait)
    {
        await outbox.EndAttemptAsync(batch.Attempt, reaction.MayStillArrive ? AttemptEnd.Unknown : AttemptEnd.Released, []);
        status.Down(state, reaction.Reason, _client.Receiver);
        return wait;
    }

    private async Task<TimeSpan> ReleaseAsync(DeliveryBatch batch, Refusal? refused = null)
    {
        if (refused is not null)
        {
            logger.LogWarning("A line was refused and put aside: {Reason}", refused.Reason);
        }

        await outbox.EndAttemptAsync(batch.Attempt, AttemptEnd.Released, refused is null ? [] : [refused]);
        return TimeSpan.Zero;
    }
}
