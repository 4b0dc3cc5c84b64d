using FleetVibe.Configuration.Schema;
using FleetVibe.Configuration.Values;
using FleetVibe.Gateway;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Configuration.Binding;

internal static class GatewayBinder
{
    public static GatewaySettings Bind(
        SectionValues section, SectionValues telegraf, SectionReader reader, string node, string dataDirectory, bool onlyLocalPeers)
    {
        var store = section.Find<string>("store");
        RequireOnlyFor(section, "store", store, reader.Findings);
        if (store == GatewaySchema.Postgres && !section.IsWritten("connection_file"))
        {
            reader.Findings.Error(section.OriginOf("store"), "store = \"postgres\" needs connection_file: a file that holds the connection string");
        }

        return new GatewaySettings
        {
            Name = node,
            Listen = RoleBinders.ListenOrLocal(section, reader, onlyLocalPeers),
            DataDirectory = dataDirectory,
            Postgres = store == GatewaySchema.Postgres ? section.Find<PostgresSettings>("connection_file") : null,
            Telegraf = Telegraf(telegraf, reader.Findings),
            WindowRetention = section.Find<TimeSpan>("window_retention"),
            StoreMaxBytes = section.Find<long>("store_max_bytes"),
            IntegerCompat = section.Find<bool>("integer_compat"),
        };
    }

    private static void RequireOnlyFor(SectionValues section, string choice, string? chosen, Findings findings)
    {
        foreach (var key in section.Spec.Keys.Where(k => chosen is not null && section.IsWritten(k.Name) && k.OnlyFor.Count > 0 && !k.OnlyFor.Contains(chosen)))
        {
            findings.Error(section.OriginOf(key.Name), $"{key.Name} belongs to {choice} {string.Join(", ", key.OnlyFor)}, not to {chosen}: take it out, or change the {choice}");
        }
    }

    private static TelegrafSettings Telegraf(SectionValues section, Findings findings)
    {
        var dialect = section.Find<string>("dialect");
        RequireOnlyFor(section, "dialect", dialect, findings);
        if (section.IsWritten("token") && section.IsWritten("token_file"))
        {
            findings.Error(section.OriginOf("token"), $"{section.Header} has both token and token_file: keep token_file");
        }

        if (section.IsWritten("username") != section.IsWritten("password_file"))
        {
            var (there, missing) = section.IsWritten("username") ? ("username", "password_file") : ("password_file", "username");
            findings.Error(section.OriginOf(there), $"{section.Header} has {there} without {missing}: write both");
        }

        var url = section.Find<Uri>("url") ?? new Uri("http://localhost");
        var insecure = section.Find<bool>("insecure");
        TransportBinder.WarnWhenInsecure(section, findings);
        var hasSecret = section.Written("token", "token_file", "password_file").Count > 0;
        if (hasSecret && !insecure && url.Scheme != Uri.UriSchemeHttps && !PeerTrust.IsLoopback(url))
        {
            findings.Error(section.OriginOf("url"), "url is plain http to another machine, where its token or password could be read: use https, or set insecure = true");
        }

        if (section.Find<string>("path") is { } path && !path.StartsWith('/'))
        {
            findings.Error(section.OriginOf("path"), $"path = \"{path}\" must begin with a slash: write path = \"/{path}\"");
        }

        return new TelegrafSettings
        {
            Url = url,
            Dialect = dialect switch
            {
                GatewaySchema.V1 => TelegrafDialect.InfluxDbV1,
                GatewaySchema.Listener => TelegrafDialect.HttpListenerV2,
                _ => TelegrafDialect.InfluxDbV2,
            },
            Token = section.Find<BearerToken>("token_file") ?? section.Find<BearerToken>("token"),
            CaFile = section.Find<string>("ca_file"),
            Insecure = insecure,
            Bucket = section.Find<string>("bucket"),
            Org = section.Find<string>("org"),
            Database = section.Find<string>("database"),
            RetentionPolicy = section.Find<string>("retention_policy"),
            Username = section.Find<string>("username"),
            Password = section.Find<BearerToken>("password_file"),
            CreateDatabase = section.Find<bool>("create_database"),
            Path = section.Find<string>("path") ?? "",
            BatchLines = section.Find<int>("batch_lines"),
            BatchBytes = (int)section.Find<long>("batch_bytes"),
            FlushInterval = section.Find<TimeSpan>("flush"),
            Timeout = section.Find<TimeSpan>("timeout"),
        };
    }
}
