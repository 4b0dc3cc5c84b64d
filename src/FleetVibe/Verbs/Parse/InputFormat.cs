using System.CommandLine;
using System.Text.Json;
using FleetVibe.Agent.Sources.JsonLog.Formats;
using FleetVibe.Agent.Sources.Reading;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Verbs.Parse;

/// <summary>What <c>parse</c> can read.</summary>
internal enum InputFormat
{
    Prometheus,
    OpenMetrics,
    LineProtocol,
    JsonLog,
    NvidiaSmi,
}

/// <summary>The formats' words, and how they are told apart.</summary>
internal static class InputFormats
{
    private const string Auto = "auto";
    private const int BytesLookedAt = 64 * 1024;
    private const int LinesLookedAt = 100;

    private static readonly Dictionary<string, InputFormat?> Words = new(StringComparer.OrdinalIgnoreCase)
    {
        [Auto] = null,
        ["prometheus"] = InputFormat.Prometheus,
        ["openmetrics"] = InputFormat.OpenMetrics,
        ["line_protocol"] = InputFormat.LineProtocol,
        ["json_log"] = InputFormat.JsonLog,
        ["nvidia_smi"] = InputFormat.NvidiaSmi,
    };

    public static string Word(InputFormat format) => Words.First(w => w.Value == format).Key;

    /// <summary>Null stands for auto.</summary>
    public static Option<InputFormat?> CreateOption() => new("--format")
    {
        Description = $"How to read it ({string.Join(", ", Words.Keys)}). auto looks at each file.",
        HelpName = "NAME",
        CustomParser = result =>
        {
            if (Words.TryGetValue(result.Tokens[0].Value, out var format))
            {
                return format;
            }

            result.AddError($"--format: \"{result.Tokens[0].Value}\" is not known: valid are {string.Join(", ", Words.Keys)}");
            return null;
        },
    };

    /// <summary>How the lines of a log are written; null stands for looking.</summary>
    public static Option<string?> CreateLogOption() => new("--log-format")
    {
        Description = $"How the lines of a log are written ({Auto}, {string.Join(", ", LogFormats.Names)}). auto looks at each file.",
        HelpName = "NAME",
        CustomParser = result =>
        {
            var name = result.Tokens[0].Value.ToLowerInvariant();
            if (name != Auto && !LogFormats.Names.Contains(name))
            {
                result.AddError($"--log-format: \"{result.Tokens[0].Value}\" is not known: valid are {Auto}, {string.Join(", ", LogFormats.Names)}");
            }

            return name == Auto ? null : name;
        },
    };

    /// <summary>What a body is; null where it is nothing of all that, or nothing of it can be read.</summary>
    /// <param name="mediaType">What its server calls it, where it has one.</param>
    public static InputFormat? Detect(ReadOnlySpan<byte> body, string? mediaType)
    {
        if (mediaType == "application/openmetrics-text")
        {
            return InputFormat.OpenMetrics;
        }

        var text = body.TrimStart("\ufeff \t\r\n\0"u8);
        if (text is [(byte)'{', ..] && IsJsonObject(text))
        {
            return InputFormat.JsonLog;
        }

        var head = text.Length <= BytesLookedAt ? text : text[..(text[..BytesLookedAt].LastIndexOf((byte)'\n') + 1)];
        var lines = System.Text.Encoding.UTF8.GetString(head).Split('\n', LinesLookedAt);
        if (lines.Any(GpuTableReading.IsHeader))
        {
            return InputFormat.NvidiaSmi;
        }

        if (HasOpenMetricsMark(text))
        {
            return InputFormat.OpenMetrics;
        }

        if (text is [(byte)'"', ..] || lines.Any(l => l.StartsWith("# TYPE ", StringComparison.Ordinal) || l.StartsWith("# HELP ", StringComparison.Ordinal)))
        {
            return InputFormat.Prometheus;
        }

        if (RequestLogReading.Look(head, format: null, DateTimeOffset.UnixEpoch).IsLog)
        {
            return InputFormat.JsonLog;
        }

        var reader = new ExpositionReader(head, null, ExpositionFormat.Text);
        while (reader.Read())
        {
        }

        var points = LineProtocolReader.Read(head).Points.Count;
        return points > reader.Samples ? InputFormat.LineProtocol
            : reader.Samples > 0 || reader.SkippedLines == 0 ? InputFormat.Prometheus
            : null;
    }

    // A sample with a quoted name begins with a brace too, but its name is followed by no colon.
    private static bool IsJsonObject(ReadOnlySpan<byte> text)
    {
        try
        {
            var reader = new Utf8JsonReader(text, isFinalBlock: false, default);
            return reader.Read() && reader.Read() && reader.TokenType == JsonTokenType.PropertyName;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool HasOpenMetricsMark(ReadOnlySpan<byte> text)
    {
        foreach (var range in text.Split((byte)'\n'))
        {
            var line = text[range];
            if (line.StartsWith("# EOF"u8) || line.StartsWith("# UNIT "u8)
                || (line.StartsWith("# TYPE "u8) && (line.EndsWith(" info"u8) || line.EndsWith(" stateset"u8) || line.EndsWith(" unknown"u8) || line.EndsWith(" gaugehistogram"u8))))
            {
                return true;
            }
        }

        return false;
    }
}
