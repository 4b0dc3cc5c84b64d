using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Delivery;

/// <summary>What the deliverer does.</summary>
internal enum DeliveryState
{
    Idle,
    Delivering,
    BackingOff,
    PausedAuth,
    PausedConfig,
}

/// <summary>The state of delivery, for the status call and the log: one line for each change between working and not. Thread safe.</summary>
internal sealed class DeliveryStatus(TimeProvider clock, ILogger<DeliveryStatus> logger)
{
    private readonly Lock _lock = new();
    private DeliveryState _state = DeliveryState.Idle;
    private string _error = "";
    private long _lastDeliveredUnixMs;
    private long _downSince;

    internal void Working(DeliveryState state, bool delivered)
    {
        lock (_lock)
        {
            if (delivered)
            {
                _lastDeliveredUnixMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
                if (IsDown(_state))
                {
                    logger.LogInformation("Delivery works again after {Seconds:0} s", clock.GetElapsedTime(_downSince).TotalSeconds);
                }
            }
            else if (IsDown(_state))
            {
                return;
            }

            _state = state;
            _error = "";
        }
    }

    internal void Down(DeliveryState state, string error, Uri receiver)
    {
        lock (_lock)
        {
            if (_state != state)
            {
                if (!IsDown(_state))
                {
                    _downSince = clock.GetTimestamp();
                }

                logger.LogWarning("Delivery to {Receiver} is {State}: {Error}; points are kept", receiver, NameOf(state), error);
            }

            _state = state;
            _error = error;
        }
    }

    internal void WriteTo(GatewayStatus status)
    {
        lock (_lock)
        {
            status.DeliveryState = NameOf(_state);
            status.DeliveryError = _error;
            status.LastDeliveredUnixMs = _lastDeliveredUnixMs;
        }
    }

    internal static string NameOf(DeliveryState state) => state switch
    {
        DeliveryState.Idle => "idle",
        DeliveryState.Delivering => "delivering",
        DeliveryState.BackingOff => "backing_off",
        DeliveryState.PausedAuth => "paused_auth",
        _ => "paused_config",
    };

    private static bool IsDown(DeliveryState state) => state is DeliveryState.BackingOff or DeliveryState.PausedAuth or DeliveryState.PausedConfig;
}
