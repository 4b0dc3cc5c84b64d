using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace FleetVibe.Tests.Postgres;

/// <summary>A PostgreSQL server of its own in a temporary folder, reached by a socket there: no port, no other's data.</summary>
internal sealed class PostgresCluster : IDisposable
{
    private static int Schemas;

    private readonly string _folder;

    private PostgresCluster(string folder, IEnumerable<string> settings)
    {
        _folder = folder;
        Settings = [.. settings];
    }

    /// <summary>Why there is none here; null where there is.</summary>
    internal static string? Missing { get; } =
        Programs is null ? "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        : Environment.UserName == "root" && !File.Exists("/usr/sbin/runuser") && !File.Exists("/sbin/runuser") ? "PostgreSQL does not run as root, and runuser is missing"
        : null;

    private static string? Programs => Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").OrderBy(d => int.Parse(Path.GetFileName(d), CultureInfo.InvariantCulture))
            .Select(d => Path.Combine(d, "bin")).LastOrDefault(d => File.Exists(Path.Combine(d, "initdb")))
        : null;

    /// <summary>Settings of the next start.</summary>
    internal List<string> Settings { get; }

    private string Data => Path.Combine(_folder, "data");

    internal static PostgresCluster Start(params string[] settings)
    {
        // What is synced to memory costs nothing; the settings stay those of a durable server.
        var place = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        var folder = Path.Combine(place, "fv-pg-" + Guid.NewGuid().ToString("N")[..12]);
        Directory.CreateDirectory(folder);
        var cluster = new PostgresCluster(folder, settings);
        if (Environment.UserName == "root")
        {
            Run("chown", "postgres", folder);
        }

        RunAsServer("initdb", "-D", cluster.Data, "-U", "fleetvibe", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C");
        cluster.Start();
        return cluster;
    }

    internal void Start()
    {
        var options = string.Join(' ', Settings.Prepend("listen_addresses=''").Prepend("unix_socket_directories=" + _folder).Select(s => "-c " + s));
        RunAsServer("pg_ctl", "-D", Data, "-w", "-l", Path.Combine(_folder, "log"), "-o", options, "start");
    }

    /// <summary>As kill -9: connections break, and the next start recovers from the write-ahead log.</summary>
    internal void Stop() => RunAsServer("pg_ctl", "-D", Data, "-w", "-m", "immediate", "stop");

    /// <summary>The next start only replays, and takes no writes.</summary>
    internal void BecomeStandby()
    {
        var signal = Path.Combine(Data, "standby.signal");
        File.WriteAllText(signal, "");
        if (Environment.UserName == "root")
        {
            Run("chown", "postgres", signal);
        }
    }

    /// <summary>What a gateway's connection_file holds.</summary>
    internal string ConnectionString(string schema) =>
        $"Host={_folder};Username=fleetvibe;Database=postgres;Search Path={schema};Timeout=5";

    /// <summary>A schema of its own for one log.</summary>
    internal string NewSchema()
    {
        var schema = FormattableString.Invariant($"log_{Interlocked.Increment(ref Schemas)}");
        Execute("CREATE SCHEMA " + schema);
        return schema;
    }

    internal void Execute(string sql)
    {
        using var connection = new NpgsqlConnection(ConnectionString("public") + ";Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // constants of the tests
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }

    public void Dispose()
    {
        if (File.Exists(Path.Combine(Data, "postmaster.pid")))
        {
            Stop();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static void RunAsServer(string program, params string[] arguments)
    {
        var path = Path.Combine(Programs!, program);
        if (Environment.UserName == "root")
        {
            Run("runuser", ["-u", "postgres", "--", path, .. arguments]);
        }
        else
        {
            Run(path, arguments);
        }
    }

    private static void Run(string program, params string[] arguments)
    {
        // Not a pipe: the server would inherit it and hold it open.
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = "/", UseShellExecute = false };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec \"$0\" \"$@\" >/dev/null 2>&1 </dev/null");
        start.ArgumentList.Add(program);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
        }
    }
}
