using FleetVibe.Agent.Points;
using FleetVibe.Agent.Spool;
using FleetVibe.Metrics.Windows;
using FleetVibe.Protocol.Mapping;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Accumulating;

/// <summary>What is known of a window before something closes into it.</summary>
internal enum ClosedState
{
    /// <summary>No record was ever made for it.</summary>
    Never,

    /// <summary>Its whole content is at hand.</summary>
    Kept,

    /// <summary>It had a record, and its content is gone.</summary>
    Gone,
}

/// <summary>What closing gives.</summary>
/// <param name="Contents">Contents of the new records, each within <see cref="RecordContents.MaxRecordBytes"/>.</param>
/// <param name="Whole">Everything of the window so far, for later revisions of its points.</param>
/// <param name="PointsSkipped">Points that were not made because the whole window is not known.</param>
internal sealed record ClosedWindow(
    IReadOnlyList<(RecordContent Content, long Requests)> Contents, WindowPart Whole, int PointsSkipped);

/// <summary>Makes the records of a closing window: its contributions, and the points of the whole window. Pure.</summary>
internal sealed class WindowCloser(AgentSettings settings, NodeFacts? facts = null)
{
    private readonly NodePoints _points = new(settings, facts ?? new NodeFacts());

    /// <param name="before">The window as it was closed before; null unless <paramref name="state"/> is kept.</param>
    /// <param name="own">The agent's own point; null where it is not due.</param>
    internal ClosedWindow Close(ClosingWindow closing, ClosedState state, WindowPart? before, Func<NodePoints, Point>? own)
    {
        var part = closing.Part;
        if (state == ClosedState.Never)
        {
            foreach (var idle in closing.Idle)
            {
                part.Series.TryAdd(idle.Key, new SeriesShare(true, idle.GivesTtft, idle.Rank)
                {
                    SuppliesRequests = idle.HasRequests,
                });
            }
        }

        var whole = new WindowPart(part.Start);
        if (before is not null)
        {
            whole.Merge(before);
        }

        whole.Merge(part);
        var contributions = settings.Outlet is not null ? [] : Contributions.Of(part)
            .Where(entry => state == ClosedState.Never || !entry.Value.IsEmpty)
            .Select(entry => new Contribution { Series = TotalsMapper.ToWire(entry.Key), Totals = TotalsMapper.ToWire(entry.Value) });
        var skip = closing.IsFuture || state == ClosedState.Gone;
        var points = skip ? [] : _points.Of(whole, part, before).ToList();
        if (own is not null && state == ClosedState.Never && closing.IsLive)
        {
            points.Add(own(_points));
        }

        var contents = RecordContents.Of(WindowLevel._10S, part.Start, contributions, points);
        return new ClosedWindow(
            settings.Outlet is null ? contents : Printed(part, contents), whole, skip ? part.Series.Count + part.Gpus.Count + part.Targets.Count : 0);
    }

    // Requests travel with the points that show them; where no point may be made, alone, so that the printer refuses them.
    private static List<(RecordContent Content, long Requests)> Printed(WindowPart part, List<(RecordContent Content, long Requests)> contents)
    {
        if (contents.Count == 0 && part.CountedRequests > 0)
        {
            contents.Add((new RecordContent { Level = WindowLevel._10S, WindowStart = part.Start }, 0));
        }

        return [.. contents.Select((content, at) => content with { Requests = at == 0 ? part.CountedRequests : 0 })];
    }
}
