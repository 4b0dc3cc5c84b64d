using System.CommandLine;
using FleetVibe.Protocol.V1;
using FleetVibe.Verbs.Asking;
using Grpc.Core;

namespace FleetVibe.Verbs.Explain;

/// <summary><c>explain</c>: what one committed window holds, and from whom.</summary>
internal static class ExplainCommand
{
    public static Command Create()
    {
        var aggregator = new AggregatorOptions();
        var model = new Option<string>("--model") { Description = "The model.", HelpName = "NAME", Required = true };
        var task = new Option<string?>("--task") { Description = "The task; needed where the model has several series.", HelpName = "NAME" };
        var variant = new Option<string?>("--variant") { Description = "The variant, where there is one.", HelpName = "NAME" };
        var window = new Option<DateTimeOffset>("--window")
        {
            Description = "Any moment inside the window: 2026-11-24T08:00:00Z, or unix seconds.",
            HelpName = "TIME",
            Required = true,
            CustomParser = result =>
            {
                if (MomentText.TryParse(result.Tokens[0].Value, out var moment))
                {
                    return moment;
                }

                result.AddError($"--window: \"{result.Tokens[0].Value}\" is no moment: write one such as 2026-11-24T08:00:00Z, or unix seconds");
                return default;
            },
        };
        var level = new Option<string>("--level")
        {
            Description = "Length of the window: 10s, 1m, 5m or 1h. Above 10s only what an agent coalesced is committed; the roll-up beside it holds the rest too.",
            HelpName = "LENGTH",
            DefaultValueFactory = _ => LevelText.Of(WindowLevel._10S),
        };
        level.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && !LevelText.TryParse(text, out _))
            {
                result.AddError($"--level: \"{text}\" is no window length: write 10s, 1m, 5m or 1h");
            }
        });
        var command = new Command("explain", "Shows one committed window of a running fleet: who is in it, who is missing, what was refused, and its figures.\n\n"
            + "Exit codes: 0 shown; 1 nothing is committed of it; 2 the command line is wrong; 3 no answer.");
        aggregator.AddTo(command);
        command.Options.Add(model);
        command.Options.Add(task);
        command.Options.Add(variant);
        command.Options.Add(window);
        command.Options.Add(level);
        command.SetAction(async (result, cancellation) =>
        {
            if (aggregator.Peer(result, out var problem) is not { } peer)
            {
                await Console.Error.WriteLineAsync($"fleetvibe: {problem}");
                return ExitCodes.Usage;
            }

            var length = LevelText.TryParse(result.GetRequiredValue(level), out var known) ? known : WindowLevel._10S;
            var question = new WindowQuestion(result.GetRequiredValue(model), result.GetValue(task), result.GetValue(variant), result.GetRequiredValue(window), length);
            return await AggregatorCall.RunAsync(peer, Console.Error, client => AnswerAsync(client, question, TimeProvider.System, Console.Out, Console.Error, cancellation));
        });
        return command;
    }

    internal static async Task<int> AnswerAsync(
        FleetQuery.FleetQueryClient client, WindowQuestion question, TimeProvider time, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        if (question.Named is not { } series)
        {
            var fleet = await client.GetFleetAsync(new GetFleetRequest { Windows = 1 }, AggregatorCall.Options(time, cancellation));
            if (question.Find(fleet.Series.Select(s => s.Series), out var problem) is not { } found)
            {
                await error.WriteLineAsync($"fleetvibe: {problem}");
                return ExitCodes.Usage;
            }

            series = found;
        }

        try
        {
            var (window, nothing) = await AskAsync(question.Level);
            if (window is not null)
            {
                WindowText.Write(output, window);
                return ExitCodes.Ok;
            }

            var larger = new List<string>();
            foreach (var level in Enum.GetValues<WindowLevel>().Where(level => level > question.Level))
            {
                if ((await AskAsync(level)).Window is not null)
                {
                    larger.Add(LevelText.Of(level));
                }
            }

            var cure = larger.Count > 0
                ? $"an agent coalesced that time into a larger window: --level {string.Join(" and --level ", larger)} {(larger.Count == 1 ? "has" : "have")} it"
                : "a window is committed some seconds after its end, and names must be as the points have them";
            await error.WriteLineAsync($"fleetvibe: {WindowText.NameOf(series)}: {nothing}; {cure}");
            return ExitCodes.VerdictFailed;
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.InvalidArgument)
        {
            await error.WriteLineAsync($"fleetvibe: {e.Status.Detail}");
            return ExitCodes.Usage;
        }

        async Task<(ExplainWindowReply? Window, string Nothing)> AskAsync(WindowLevel level)
        {
            try
            {
                var request = new ExplainWindowRequest { Series = series, Level = level, At = question.At.ToUnixTimeSeconds() };
                return (await client.ExplainWindowAsync(request, AggregatorCall.Options(time, cancellation)), "");
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.NotFound)
            {
                return (null, e.Status.Detail);
            }
        }
    }
}
