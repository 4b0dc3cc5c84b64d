using System.Threading.Channels;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Tests.Sources.Gpus;

/// <summary>A tool whose every line and end comes from the test.</summary>
internal sealed class FakeProcess : IToolProcess
{
    private readonly Channel<Run> runs = Channel.CreateUnbounded<Run>();
    private int atOnce;

    /// <summary>Runs that were started and that the test has not taken yet.</summary>
    public int Waiting => runs.Reader.Count;

    public int MostAtOnce { get; private set; }

    public async Task<Run> NextRunAsync() => await runs.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));

    public async Task<int> RunAsync(string command, IReadOnlyList<string> arguments, Action<string> onLine, CancellationToken kill)
    {
        MostAtOnce = Math.Max(MostAtOnce, Interlocked.Increment(ref atOnce));
        var run = new Run(arguments, onLine, kill);
        await runs.Writer.WriteAsync(run, CancellationToken.None);
        try
        {
            return await run.Ended;
        }
        finally
        {
            Interlocked.Decrement(ref atOnce);
        }
    }

    internal sealed class Run
    {
        private readonly Action<string> onLine;
        private readonly TaskCompletionSource<int> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource killed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Run(IReadOnlyList<string> arguments, Action<string> onLine, CancellationToken kill)
        {
            Arguments = arguments;
            this.onLine = onLine;
            Kill = kill;
            kill.Register(killed.SetResult);
        }

        public IReadOnlyList<string> Arguments { get; }

        public CancellationToken Kill { get; }

        public Task<int> Ended => ended.Task;

        public Task Killed => killed.Task.WaitAsync(TimeSpan.FromSeconds(10));

        public void Print(params string[] lines) => Array.ForEach(lines, onLine);

        public void End(int exitCode) => ended.SetResult(exitCode);

        public void Fail(Exception fault) => ended.SetException(fault);
    }
}
