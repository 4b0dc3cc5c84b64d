using System.Collections.Concurrent;

namespace FleetVibe.Agent.Sources.Nvml;

/// <summary>
/// The one thread of an agent that calls NVML. A dead GPU can keep a call for ever: then this thread is lost, and no other
/// is ever made beside it. Thread safe.
/// </summary>
internal sealed class NvmlThread : IDisposable
{
    private readonly BlockingCollection<Action> _work = new(1);
    private readonly Lock _gate = new();
    private Thread? _thread;
    private int _isBusy;
    private volatile string _call = "";

    /// <summary>The call that was begun last.</summary>
    internal string Call
    {
        get => _call;
        set => _call = value;
    }

    /// <summary>Does something on the thread; false, and nothing, while an earlier thing is under way.</summary>
    /// <param name="done">Gets the result, or what was thrown, on that thread; the thread is free by then.</param>
    internal bool TryRun<T>(Func<T> run, Action<T?, Exception?> done)
    {
        if (Interlocked.CompareExchange(ref _isBusy, 1, 0) != 0)
        {
            return false;
        }

        lock (_gate)
        {
            if (_thread is null)
            {
                // In the background: a call that hangs must not keep the process from ending.
                _thread = new Thread(Loop) { IsBackground = true, Name = "nvml" };
                _thread.Start();
            }
        }

        _work.Add(() =>
        {
            T? result = default;
            Exception? fault = null;
            try
            {
                result = run();
            }
#pragma warning disable CA1031 // Whatever is thrown is handed over; the thread must live on.
            catch (Exception e)
#pragma warning restore CA1031
            {
                fault = e;
            }

            Volatile.Write(ref _isBusy, 0);
            done(result, fault);
        });
        return true;
    }

    public void Dispose() => _work.CompleteAdding();

    private void Loop()
    {
        foreach (var next in _work.GetConsumingEnumerable())
        {
            next();
        }
    }
}
