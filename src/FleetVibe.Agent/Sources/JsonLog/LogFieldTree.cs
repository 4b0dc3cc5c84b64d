using System.Text;
using FleetVibe.Agent.Sources.JsonLog.Formats;

namespace FleetVibe.Agent.Sources.JsonLog;

/// <summary>Which of a log's fields a value belongs to; the values index the parser's slots.</summary>
internal enum LogField
{
    Timestamp,
    Duration,
    Ttft,
    Status,
    InputTokens,
    OutputTokens,
    Model,
    Task,
    Variant,
    Start,
    FirstToken,
    Method,
    Path,
    Marker,
    Message,
}

/// <summary>
/// The field names as a tree that is walked beside the JSON: a dot steps into an object, and a name that holds dots is also
/// found as one flat name. One place may feed several fields, and of alternatives the first that has a value counts.
/// </summary>
internal sealed class LogFieldTree
{
    private readonly byte[] _name;

    private LogFieldTree(string name) => _name = Encoding.UTF8.GetBytes(name);

    /// <summary>Fields that the value at this place feeds, each with its place among the alternatives, 0 being the best.</summary>
    public List<(LogField Field, byte Rank)> Fields { get; } = [];

    public ReadOnlySpan<byte> Name => _name;

    // Lists and no interfaces, here and above: walking them allocates nothing.
    public List<LogFieldTree> Children { get; } = [];

    public static LogFieldTree From(LogFormat format, LogFields names)
    {
        var root = new LogFieldTree("");
        root.Add(names.Timestamp, LogField.Timestamp);
        root.Add(names.Start, LogField.Start);
        root.Add(names.Duration, LogField.Duration);
        root.Add(names.Ttft, LogField.Ttft);
        root.Add(names.FirstToken, LogField.FirstToken);
        root.Add(names.Status, LogField.Status);
        root.Add(names.InputTokens, LogField.InputTokens);
        root.Add(names.OutputTokens, LogField.OutputTokens);
        root.Add(names.Model, LogField.Model);
        root.Add(names.Task, LogField.Task);
        root.Add(names.Variant, LogField.Variant);
        root.Add(names.Method, LogField.Method);
        root.Add(names.Path, LogField.Path);
        root.Add(format.Marker, LogField.Marker);
        root.Add(format.Failures.Count > 0 ? "message" : null, LogField.Message);
        return root;
    }

    private void Add(string? alternatives, LogField field)
    {
        var paths = (alternatives ?? "").Split(" or ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        for (byte rank = 0; rank < paths.Length; rank++)
        {
            var path = paths[rank];
            Child(path).Fields.Add((field, rank));
            if (path.Contains('.', StringComparison.Ordinal))
            {
                path.Split('.').Aggregate(this, (node, step) => node.Child(step)).Fields.Add((field, rank));
            }
        }
    }

    private LogFieldTree Child(string step)
    {
        var child = Children.Find(candidate => candidate._name.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(step)));
        if (child is null)
        {
            child = new LogFieldTree(step);
            Children.Add(child);
        }

        return child;
    }
}
