using System.Threading.Channels;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Tests.Sources.Gpus;

/// <summary>A tool whose every line and end comes from the test.</summary>
internal sealed class FakeProcess : IToolProcess
{
    private readonly Channel<Run> _runs = Channel.CreateUnbounded<Run>();
    private int _atOnce;

    /// <summary>Runs that were started and that the test has not taken yet.</summary>
    public int Waiting => _runs.Reader.Count;

    public int MostAtOnce { get; private set; }

    public async Task<Run> NextRunAsync() => await _runs.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));

    public async Task<int> RunAsync(string command, IReadOnlyList<string> arguments, Action<string> onLine, CancellationToken kill)
    {
        MostAtOnce = Math.Max(MostAtOnce, Interlocked.Increment(ref _atOnce));
        var run = new Run(arguments, onLine, kill);
        await _runs.Writer.WriteAsync(run, CancellationToken.None);
        try
        {
            return await run.Ended;
        }
        finally
        {
            Interlocked.Decrement(ref _atOnce);
        }
    }

    internal sealed class Run
    {
        private readonly Action<string> _onLine;
        private readonly TaskCompletionSource<int> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _killed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Run(IReadOnlyList<string> arguments, Action<string> onLine, CancellationToken kill)
        {
            Arguments = arguments;
            _onLine = onLine;
            Kill = kill;
            kill.Register(_killed.SetResult);
        }

        public IReadOnlyList<string> Arguments { get; }

        public CancellationToken Kill { get; }

        public Task<int> Ended => _ended.Task;

        public Task Killed => _killed.Task.WaitAsync(TimeSpan.FromSeconds(10));

        public void Print(params string[] lines) => Array.ForEach(lines, _onLine);

        public void End(int exitCode) => _ended.SetResult(exitCode);

        public void Fail(Exception fault) => _ended.SetException(fault);
    }
}
