using System.CommandLine;
using System.Globalization;
using FleetVibe.Configuration.Values;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Verbs;

/// <summary>Options whose values are written as in the configuration.</summary>
internal static class ValueOptions
{
    private static readonly string[] TimeFormats = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz"];

    public static Option<TimeSpan?> Duration(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "DURATION",
        CustomParser = result =>
        {
            if (DurationText.TryParse(result.Tokens[0].Value, out var duration))
            {
                return duration;
            }

            result.AddError($"{name}: \"{result.Tokens[0].Value}\" is not a duration: write one such as 60s, 2m or 1h");
            return null;
        },
    };

    /// <summary>A moment in RFC 3339, with its zone.</summary>
    public static Option<DateTimeOffset?> Time(string name, string description) => new(name)
    {
        Description = description + " RFC 3339, such as 2026-11-24T08:00:00Z.",
        HelpName = "TIME",
        Required = true,
        CustomParser = result =>
        {
            if (DateTimeOffset.TryParseExact(
                result.Tokens[0].Value, TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment)
                && moment >= DateTimeOffset.UnixEpoch)
            {
                return moment;
            }

            result.AddError($"{name}: \"{result.Tokens[0].Value}\" is not a time: write one such as 2026-11-24T08:00:00Z or 2026-11-24T09:00:00+01:00");
            return null;
        },
    };

    public static Option<ListenAddress?> Listen(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "ADDRESS",
        CustomParser = result =>
        {
            if (ListenAddress.TryParse(result.Tokens[0].Value, out var address))
            {
                return address;
            }

            result.AddError($"{name}: \"{result.Tokens[0].Value}\" is no address to listen on: write one such as 127.0.0.1:7070");
            return null;
        },
    };

    public static Option<T> WithDefault<T>(string name, string description, T standard) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => standard,
    };

    /// <summary>One of the names of an enumeration, in any case.</summary>
    public static Option<T> Choice<T>(string name, string description, T standard)
        where T : struct, Enum => new(name)
        {
            Description = $"{description} ({string.Join(", ", Enum.GetNames<T>())}).",
            HelpName = "NAME",
            DefaultValueFactory = _ => standard,
            CustomParser = result =>
            {
                var text = string.Join(',', result.Tokens.Select(t => t.Value));
                if (Enum.TryParse<T>(text, ignoreCase: true, out var value))
                {
                    return value;
                }

                result.AddError($"{name}: \"{text}\" is not known: valid are {string.Join(", ", Enum.GetNames<T>())}");
                return standard;
            },
        };
}
