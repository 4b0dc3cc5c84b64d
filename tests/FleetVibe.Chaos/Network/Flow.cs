namespace FleetVibe.Chaos.Network;

/// <summary>One direction of a link. Thread safe.</summary>
internal sealed class Flow
{
    private readonly Lock _lock = new();
    private FlowState _state = FlowState.Pass;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FlowState State
    {
        get
        {
            lock (_lock)
            {
                return _state;
            }
        }

        set
        {
            TaskCompletionSource changed;
            lock (_lock)
            {
                _state = value;
                changed = _changed;
                _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            changed.SetResult();
        }
    }

    /// <summary>Returns the state as soon as bytes may move, even if it is into nothing.</summary>
    public async Task<FlowState> UntilMovingAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_state.Mode != FlowMode.Stall)
                {
                    return _state;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }
}
