using System.Text.Json;
using CsCheck;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Agent.Tests.Sources.JsonLog;

/// <summary>A container's log, where lines of two streams stand in pieces between each other: each is folded exactly once.</summary>
public sealed class ContainerLogCrashTests
{
    private enum Step
    {
        WriteWhole,
        WritePieceOfOut,
        WritePieceOfErr,
        EndOut,
        EndErr,
        Look,
        Crash,
        Rotate,
        Compress,
    }

    private static readonly Gen<Step[]> Schedules = Gen.Frequency(
        (4, Gen.Enum<Step>()), (3, Gen.Const(Step.Look)), (2, Gen.Const(Step.Crash))).Array[1, 60];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_line_is_folded_once_for_every_split_by_pieces_looks_and_crashes(bool isCri) =>
        Schedules.Sample(
            schedule =>
            {
                using var container = new Container(isCri);
                foreach (var step in schedule)
                {
                    container.Take(step);
                }

                container.Settle();
                Assert.Equal(container.Written.Order(), container.Read.Order());
                Assert.Equal(0, container.Skipped);
            },
            iter: 300,
            threads: 1,
            print: schedule => string.Join(' ', schedule));

    private sealed class Container : IDisposable
    {
        private readonly LogFolder _log = new();
        private readonly FakeTimeProvider _time = new();
        private readonly bool _isCri;
        private readonly string?[] _rest = new string?[2];
        private readonly long[] _ids = new long[2];
        private LogTailer _tailer;
        private byte[]? _checkpoint;
        private int _number;
        private int _records;

        public Container(bool isCri)
        {
            _isCri = isCri;
            _log.Open();
            _tailer = Start();
            Look();
        }

        public List<long> Written { get; } = [];

        public List<long> Read { get; } = [];

        public long Skipped { get; private set; }

        private bool IsWaiting => _rest.Any(text => text is not null);

        public void Take(Step step)
        {
            switch (step)
            {
                case Step.WriteWhole:
                    End(_number % 2);
                    End(_number % 2);
                    break;
                case Step.WritePieceOfOut or Step.WritePieceOfErr:
                    Piece(step == Step.WritePieceOfOut ? 0 : 1);
                    break;
                case Step.EndOut or Step.EndErr:
                    End(step == Step.EndOut ? 0 : 1);
                    break;
                case Step.Look:
                    Look();
                    break;
                case Step.Crash:
                    _tailer.Dispose();
                    _tailer = Start();
                    break;
                case Step.Rotate when !IsWaiting:
                    _log.Rotate();
                    break;
                case Step.Compress when File.Exists(_log.PathOf("app.jsonl.1")):
                    // What is written to it after that is lost by nature; nobody does.
                    _log.Compress("app.jsonl.1", $"app.jsonl.{1000 + _number++}.gz");
                    break;
            }
        }

        public void Settle()
        {
            End(0);
            End(1);
            Look();
            Look();
            Look();
        }

        public void Dispose()
        {
            _tailer.Dispose();
            _log.Dispose();
        }

        private LogTailer Start() => new(_log.Settings, _time, _checkpoint, atEnd: false);

        private void Piece(int stream)
        {
            Begin(stream);
            var text = _rest[stream]!;
            var length = Math.Min(7, text.Length - 1);
            if (length > 0)
            {
                Record(stream, text[..length], isLast: false);
                _rest[stream] = text[length..];
            }
        }

        private void End(int stream)
        {
            Begin(stream);
            Record(stream, _rest[stream]!, isLast: true);
            Written.Add(_ids[stream]);
            _rest[stream] = null;
        }

        private void Begin(int stream)
        {
            if (_rest[stream] is null)
            {
                _ids[stream] = _number++;
                _rest[stream] = LogFolder.Line(_ids[stream]);
            }
        }

        private void Record(int stream, string text, bool isLast)
        {
            // As runtimes do: files begin alike only where they are the same.
            var at = $"2025-11-24T06:00:00.{_records++:000000000}Z";
            var name = stream == 0 ? "stdout" : "stderr";
            _log.Write(_isCri
                ? $"{at} {name} {(isLast ? 'F' : 'P')} {text}\n"
                : JsonSerializer.Serialize(new { log = isLast ? text + "\n" : text, stream = name, time = at }) + "\n");
        }

        private void Look()
        {
            var batch = _tailer.Poll();
            Read.AddRange(batch.Requests.Select(request => request.InputTokens));
            Skipped += batch.Skipped.Total;
            _checkpoint = batch.Checkpoint ?? _checkpoint;
        }
    }
}
