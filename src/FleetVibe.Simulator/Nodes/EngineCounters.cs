using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Simulator.Nodes;

/// <summary>Everything that one life of an engine counts; a restart makes a new one. Bounds are vLLM's. Not thread safe.</summary>
internal sealed class EngineCounters
{
    private static readonly double[] RequestSecondsTo60 =
        [.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60];

    private static readonly double[] RequestSeconds = [.. RequestSecondsTo60, 120, 240, 480, 960, 1920, 7680];

    private static readonly double[] TtftSecondsTo10 =
        [.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10];

    private static readonly double[] TtftSeconds = [.. TtftSecondsTo10, 20, 40, 80, 160, 640, 2560];

    private static readonly double[] TokenSecondsTo2 = [.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5];

    private static readonly double[] TokenSeconds = [.. TokenSecondsTo2, 5, 7.5, 10, 20, 40, 80];

    private static readonly double[] Tokens =
        [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];

    private static readonly double[] IterationTokens = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384];

    private static readonly double[] SmallCounts = [1, 2, 5, 10, 20];

    private static readonly double[] HttpSeconds =
        [.01, .025, .05, .075, .1, .25, .5, .75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10, 30, 60];

    public EngineCounters(VllmVersion version, DateTimeOffset startedAt)
    {
        StartedAt = startedAt;
        var old = version == VllmVersion.V0_8_4;
        var seconds = old ? RequestSecondsTo60 : RequestSeconds;
        EndToEnd = new(seconds);
        Queue = new(seconds);
        Inference = new(seconds);
        Prefill = new(seconds);
        Decode = new(seconds);
        TimeToFirstToken = new(old ? TtftSecondsTo10 : TtftSeconds);
        PerToken = new(version >= VllmVersion.V0_10_1 ? TokenSeconds : TokenSecondsTo2);
        PerTokenOfRequest = new(TokenSeconds);
    }

    public DateTimeOffset StartedAt { get; }

    public long Requests { get; private set; }

    public long Errors { get; private set; }

    public long LengthLimited { get; private set; }

    public long PromptTokens { get; private set; }

    public long CompletionTokens { get; private set; }

    /// <summary>Of the last request; null before the first.</summary>
    public double? LastDurationMs { get; private set; }

    public ClassicHistogram EndToEnd { get; }

    public ClassicHistogram Queue { get; }

    public ClassicHistogram Inference { get; }

    public ClassicHistogram Prefill { get; }

    public ClassicHistogram Decode { get; }

    public ClassicHistogram TimeToFirstToken { get; }

    public ClassicHistogram PerToken { get; }

    public ClassicHistogram PerTokenOfRequest { get; }

    public ClassicHistogram PromptTokensOfRequest { get; } = new(Tokens);

    public ClassicHistogram CompletionTokensOfRequest { get; } = new(Tokens);

    public ClassicHistogram MaxTokensOfRequest { get; } = new(Tokens);

    public ClassicHistogram ParamsMaxTokens { get; } = new(Tokens);

    public ClassicHistogram ParamsN { get; } = new(SmallCounts);

    public ClassicHistogram Iteration { get; } = new(IterationTokens);

    public ClassicHistogram Http { get; } = new(HttpSeconds);

    /// <summary>Counts a finished request; one that failed counts in every histogram too.</summary>
    public void Add(FinishedRequest request)
    {
        Requests++;
        Errors += request.IsError ? 1 : 0;
        LengthLimited += request.IsLengthLimited ? 1 : 0;
        PromptTokens += request.PromptTokens;
        CompletionTokens += request.CompletionTokens;
        LastDurationMs = request.DurationMs;

        var seconds = request.DurationMs / 1e3;
        var ttft = request.TtftMs / 1e3;
        var queued = ttft / 5;
        EndToEnd.Observe(seconds);
        Http.Observe(seconds);
        TimeToFirstToken.Observe(ttft);
        Queue.Observe(queued);
        Prefill.Observe(ttft - queued);
        Inference.Observe(seconds - queued);
        Decode.Observe(seconds - ttft);
        PromptTokensOfRequest.Observe(request.PromptTokens);
        CompletionTokensOfRequest.Observe(request.CompletionTokens);
        MaxTokensOfRequest.Observe(request.CompletionTokens);
        ParamsMaxTokens.Observe(RequestStream.MaxCompletionTokens);
        ParamsN.Observe(1);
        Iteration.Observe(request.PromptTokens);
        if (request.CompletionTokens > 1)
        {
            var perToken = (seconds - ttft) / (request.CompletionTokens - 1);
            PerToken.Observe(perToken, request.CompletionTokens - 1);
            PerTokenOfRequest.Observe(perToken);
            Iteration.Observe(1, request.CompletionTokens - 1);
        }
    }
}
