using System.Globalization;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Configuration.Schema;

internal sealed record ListenType(string Sample) : KeyType($"an address to listen on such as {Sample}", Sample)
{
    protected override ParsedValue Parse(string text, ReadingContext context) =>
        ListenAddress.TryParse(text, out var address)
            ? new ParsedValue(address)
            : ParsedValue.Bad("is no address to listen on: write \":7071\" for every address of this machine, or one of its IP addresses with a port such as \"127.0.0.1:7071\"");
}

/// <summary>An http or https address without credentials.</summary>
/// <param name="BaseOnly">Host and port alone; the path is the product's business.</param>
internal sealed record UrlType(bool BaseOnly, string Sample) : KeyType($"an address such as {Sample}", Sample)
{
    public override string Show(object value)
    {
        var uri = (Uri)value;
        var shown = uri.GetLeftPart(UriPartial.Path).TrimEnd('/');
        return uri.Query.Length == 0 ? $"\"{shown}\"" : $"\"{shown}?(hidden)\"";
    }

    protected override ParsedValue Parse(string text, ReadingContext context)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Host.Length == 0 || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
        {
            return ParsedValue.Bad($"is no http or https address: write one such as {Sample}");
        }

        if (uri.UserInfo.Length > 0)
        {
            return ParsedValue.Bad("holds a user or a password, which would show in logs and in the list of processes: take them out and use token_file (or username and password_file)", isSecret: true);
        }

        return BaseOnly && uri.PathAndQuery != "/"
            ? ParsedValue.Bad($"has a path: write host and port alone, \"{uri.GetLeftPart(UriPartial.Authority)}\"; the path is added")
            : new ParsedValue(uri);
    }
}

internal sealed record HostPortType(string Sample) : KeyType($"a host with a port such as {Sample}", Sample)
{
    protected override ParsedValue Parse(string text, ReadingContext context)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0
            && Uri.CheckHostName(text[..colon].Trim('[', ']')) != UriHostNameType.Unknown
            && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is > 0 and <= 65535
                ? new ParsedValue(text)
                : ParsedValue.Bad($"is no host with a port: write one such as {Sample}");
    }
}
