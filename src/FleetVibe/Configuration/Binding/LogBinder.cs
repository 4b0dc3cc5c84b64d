using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.JsonLog.Formats;
using FleetVibe.Configuration.Values;

namespace FleetVibe.Configuration.Binding;

/// <summary>A source of kind json_log.</summary>
internal static class LogBinder
{
    /// <summary>Null where it cannot be read; a finding says why.</summary>
    public static JsonLogSourceSettings? Bind(SectionValues section, SectionValues fields, Findings findings)
    {
        if (section.Find<string>("path") is not { } path || section.Find<string>("format") is not { } name || section.Find<string>("envelope") is not { } envelope)
        {
            return null;
        }

        RequireFitting(LogFormats.Of(name), section, fields, findings);
        return new JsonLogSourceSettings
        {
            Path = path,
            Format = name,
            Envelope = Enum.Parse<LogEnvelope>(envelope, ignoreCase: true),
            OnlyPaths = section.List<string>("only_paths") is { Count: > 0 } paths ? paths : null,
            VariantLimit = section.Find<int>("variant_limit"),
            StartAt = section.Find<string>("start_at") == "beginning" ? StartAt.Beginning : StartAt.End,
            TimeZone = section.Find<TimeZoneInfo>("timezone") ?? TimeZoneInfo.Utc,
            ExternalClock = section.Find<string>("clock") == "external",
            SuccessStatus = section.List<string>("success_status") is { Count: > 0 } statuses ? statuses : null,
            Poll = section.Find<TimeSpan>("poll"),
            MaxLineBytes = (int)section.Find<long>("max_line_bytes"),
            RotateWait = section.Find<TimeSpan>("rotate_wait"),
            Fields = new LogFields
            {
                Timestamp = fields.Find<string>("timestamp"),
                Start = fields.Find<string>("start"),
                Duration = fields.Find<string>("duration"),
                DurationUnit = fields.Find<string>("duration_unit"),
                Ttft = fields.Find<string>("ttft"),
                FirstToken = fields.Find<string>("first_token"),
                Status = fields.Find<string>("status"),
                InputTokens = fields.Find<string>("input_tokens"),
                OutputTokens = fields.Find<string>("output_tokens"),
                Model = fields.Find<string>("model"),
                Task = fields.Find<string>("task"),
                Variant = fields.Find<string>("variant"),
                Method = fields.Find<string>("method"),
                Path = fields.Find<string>("path"),
            },
        };
    }

    /// <summary>One file must not be read by two sources: each request would count twice.</summary>
    public static void RequireDistinct(IReadOnlyList<(SourceSettings Source, Origin Origin)> bound, Findings findings)
    {
        // Statistics and requests may stand in one log: they are different lines.
        var logs = bound.Where(b => b.Source is JsonLogSourceSettings)
            .ToLookup(b => (Path.GetFullPath(((JsonLogSourceSettings)b.Source).Path), b.Source.Rank == SourceRank.None));
        foreach (var twins in logs)
        {
            foreach (var (_, origin) in twins.Skip(1))
            {
                findings.Error(origin, $"{twins.Key.Item1} is read by the source at {twins.First().Origin} already: two would count each request twice, so take one out");
            }
        }
    }

    private static void RequireFitting(LogFormat format, SectionValues section, SectionValues fields, Findings findings)
    {
        if (!format.NamesModel && !section.IsWritten("model") && !fields.IsWritten("model"))
        {
            findings.Missing(section.Origin, $"[[agent.sources]] with format = \"{format.Name}\" needs model, e.g. model = \"qwen3-4b\": its lines do not name the model");
        }

        if (!format.IsJson && fields.Spec.Keys.FirstOrDefault(key => fields.IsWritten(key.Name)) is { } field)
        {
            findings.Error(fields.OriginOf(field.Name), $"fields.{field.Name} is for lines of JSON, and those of format = \"{format.Name}\" have no fields: take it out");
        }

        if (section.IsWritten("only_paths") && !format.HasPaths && !fields.IsWritten("path"))
        {
            findings.Error(section.OriginOf("only_paths"), $"only_paths needs lines that name a path, and those of format = \"{format.Name}\" do not{(format.IsJson ? ": set fields.path, or take it out" : ": take it out")}");
        }
    }
}
