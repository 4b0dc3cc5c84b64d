using System.Text;
using FleetVibe.Composition;
using FleetVibe.Composition.Execd;
using Microsoft.Extensions.Logging;

namespace FleetVibe.Tests.Composition.Execd;

/// <summary>The ends of the three pipes to Telegraf.</summary>
public class ContractTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(LogLevel.Critical, "E! agent: x y")]
    [InlineData(LogLevel.Error, "E! agent: x y")]
    [InlineData(LogLevel.Warning, "W! agent: x y")]
    [InlineData(LogLevel.Information, "I! agent: x y")]
    [InlineData(LogLevel.Debug, "D! agent: x y")]
    public void A_line_of_standard_error_has_its_level_and_no_line_break(LogLevel level, string expected) =>
        Assert.Equal(expected, TelegrafLine.Of(level, "agent: x\r\ny"));

    [Fact]
    public void A_line_stays_far_below_what_ends_the_reading_of_standard_error() =>
        Assert.InRange(Encoding.UTF8.GetByteCount(TelegrafLine.Of(LogLevel.Error, new string('\u20ac', 100_000))), 1, 60_000);

    [Fact]
    public void What_is_written_in_pieces_becomes_prefixed_lines()
    {
        using var text = new StringWriter();
        using var writer = new TelegrafWriter(text, LogLevel.Warning);
        writer.Write("one ");
        writer.WriteLine("line");
        writer.Write("\n\nanother\nopen");

        Assert.Equal(["W! one line", "W! another", ""], text.ToString().Split(Environment.NewLine));
    }

    [Fact]
    public async Task A_newline_prompts_and_the_end_of_the_input_stops()
    {
        using var prompts = new TelegrafPrompts();
        using var input = new PipeStreams();
        using var asked = new SemaphoreSlim(0);
        prompts.Listen(input.Reader);
        prompts.Direct(() => asked.Release());
        input.Write("x");
        input.Write("y\n");
        Assert.True(await asked.WaitAsync(Patience));
        Assert.False(prompts.Stop.IsCancellationRequested);

        input.End();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.Delay(Patience, TimeProvider.System, prompts.Stop));
        Assert.Equal(0, asked.CurrentCount);
    }

    [Fact]
    public async Task Of_prompts_that_nobody_takes_yet_one_is_kept()
    {
        using var prompts = new TelegrafPrompts();
        using var input = new MemoryStream(Encoding.UTF8.GetBytes(new string('\n', 1000)));
        prompts.Listen(input);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.Delay(Patience, TimeProvider.System, prompts.Stop));
        var asked = 0;
        prompts.Direct(() => asked++);
        prompts.Direct(() => asked++);

        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task A_reader_that_is_gone_is_an_error_of_the_write_and_is_said()
    {
        var stream = new PipeStreams();
        var output = new StandardOutput(stream.Writer);
        await output.WriteAsync(Encoding.UTF8.GetBytes("m v=1 1\n"));
        Assert.False(output.Gone.IsCompleted);
        stream.Reader.Dispose();

        await Assert.ThrowsAsync<IOException>(() => output.WriteAsync(Encoding.UTF8.GetBytes("m v=1 2\n")));
        Assert.NotEqual("", await output.Gone);
        stream.Dispose();
    }

    private sealed class PipeStreams : IDisposable
    {
        private readonly System.IO.Pipes.AnonymousPipeServerStream _server = new(System.IO.Pipes.PipeDirection.Out);

        public PipeStreams() => Reader = new System.IO.Pipes.AnonymousPipeClientStream(System.IO.Pipes.PipeDirection.In, _server.ClientSafePipeHandle);

        public Stream Writer => _server;

        public Stream Reader { get; }

        public void Write(string text) => _server.Write(Encoding.UTF8.GetBytes(text));

        public void End() => _server.Dispose();

        public void Dispose()
        {
            _server.Dispose();
            Reader.Dispose();
        }
    }
}
