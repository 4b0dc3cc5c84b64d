using CsCheck;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

/// <summary>Whatever happens to the log and to the agent, each whole line is folded exactly once.</summary>
public sealed class LogTailerCrashTests
{
    private enum Step
    {
        WriteOne,
        WriteSome,
        WriteMany,
        WriteSplitOverLook,
        WriteSplitOverRotation,
        Look,
        LookTwice,
        Rotate,
        RotateWithoutCreate,
        CopyTruncate,
        DeleteAndCreate,
        WaitUntilQuiet,
        CrashToLast,
        CrashToEarlier,
    }

    private static readonly Gen<(Step Step, int Number)[]> Schedules =
        Gen.Select(Gen.Enum<Step>(), Gen.Int[0, 1000]).Array[1, 40];

    [Fact]
    public void Every_whole_line_is_folded_exactly_once_for_every_split_by_rotations_and_crashes() =>
        Schedules.Sample(
            schedule =>
            {
                using var agent = new Agent();
                foreach (var (step, number) in schedule)
                {
                    agent.Take(step, number);
                }

                agent.Settle();
                Assert.Equal(agent.Log.Written, agent.Folded.Order());
            },
            iter: 400,
            threads: 1,
            print: schedule => string.Join(' ', schedule.Select(step => step.Number == 0 ? $"{step.Step}" : $"{step.Step}:{step.Number}")));

    /// <summary>An agent whose spool is a list: folded reports with their checkpoints, in order.</summary>
    private sealed class Agent : IDisposable
    {
        private readonly FakeTimeProvider _time = new();
        private readonly List<(List<long> Ids, byte[]? Checkpoint)> _spool = [];
        private LogTailer _tailer;

        // Nothing before this report can be read again: its bytes are gone from the disk.
        private int _earliestCrash;

        public Agent()
        {
            Log.Open();
            _tailer = new LogTailer(Settings, _time, null, atEnd: false);
            Look();
            _earliestCrash = _spool.Count;
        }

        public LogFolder Log { get; } = new();

        public IEnumerable<long> Folded => _spool.SelectMany(report => report.Ids);

        private JsonLogSourceSettings Settings => Log.Settings;

        public void Take(Step step, int number)
        {
            switch (step)
            {
                case Step.WriteOne:
                    Log.WriteLines(1);
                    break;
                case Step.WriteSome:
                    Log.WriteLines(number % 20);
                    break;
                case Step.WriteMany:
                    Log.WriteLines(LogBatch.MaxLines + number);
                    break;
                case Step.WriteSplitOverLook:
                    Log.WriteSplitLine(() => Look());
                    break;
                case Step.WriteSplitOverRotation:
                    Log.WriteSplitLine(() => Log.Rotate(create: false));
                    break;
                case Step.Look:
                    Look();
                    break;
                case Step.LookTwice:
                    Look();
                    Look();
                    break;
                case Step.Rotate:
                    Log.Rotate();
                    break;
                case Step.RotateWithoutCreate:
                    Log.Rotate(create: false);
                    break;
                case Step.CopyTruncate:
                    // What is not read by then may be lost by nature, unless a copy is left.
                    LookUntilDone();
                    Log.CopyTruncate(number % 2 == 0 ? null : "app.jsonl-20251124");
                    _earliestCrash = _spool.Count;
                    break;
                case Step.DeleteAndCreate:
                    LookUntilDone();
                    Log.Delete();
                    Log.Open();
                    _earliestCrash = _spool.Count;
                    break;
                case Step.WaitUntilQuiet:
                    LookUntilDone();
                    _time.Advance(Settings.RotateWait);
                    Look();
                    break;
                case Step.CrashToLast:
                    Crash(_spool.Count);
                    break;
                default:
                    Crash(Math.Max(_earliestCrash, _spool.Count - (number % 6)));
                    break;
            }
        }

        public void Settle()
        {
            LookUntilDone();
            LookUntilDone();
        }

        public void Dispose()
        {
            _tailer.Dispose();
            Log.Dispose();
        }

        private bool Look()
        {
            var batch = _tailer.Poll();
            if (batch.Requests.Count > 0 || batch.Checkpoint is not null)
            {
                _spool.Add(([.. batch.Requests.Select(request => request.InputTokens)], batch.Checkpoint));
            }

            return batch.Checkpoint is not null;
        }

        private void LookUntilDone()
        {
            while (Look())
            {
            }
        }

        private void Crash(int keep)
        {
            _tailer.Dispose();
            _spool.RemoveRange(keep, _spool.Count - keep);
            _tailer = new LogTailer(Settings, _time, _spool.Last(report => report.Checkpoint is not null).Checkpoint, atEnd: false);
        }
    }
}
