using FleetVibe.Protocol.V1;

namespace FleetVibe.Agent.Accumulating;

/// <summary>Spreads what belongs to one window over as few records as their size allows. Pure.</summary>
internal static class RecordContents
{
    internal const int MaxRecordBytes = 256 * 1024;

    /// <summary>Each contribution is in exactly one record, so that one record's fate is the fate of a whole part.</summary>
    internal static List<(RecordContent Content, long Requests)> Of(
        WindowLevel level, long start, IEnumerable<Contribution> contributions, IEnumerable<Point> points)
    {
        var contents = new List<(RecordContent Content, long Requests)>();
        RecordContent? content = null;
        long requests = 0;
        var bytes = 0;
        void Begin(int size)
        {
            if (content is not null && bytes + size <= MaxRecordBytes)
            {
                bytes += size;
                return;
            }

            End();
            content = new RecordContent { Level = level, WindowStart = start };
            bytes = size;
        }

        void End()
        {
            if (content is not null)
            {
                contents.Add((content, requests));
                requests = 0;
            }
        }

        foreach (var contribution in contributions)
        {
            Begin(contribution.CalculateSize() + 8);
            content!.Contributions.Add(contribution);
            requests += (long)contribution.Totals.Requests;
        }

        foreach (var point in points)
        {
            Begin(point.CalculateSize() + 8);
            content!.Points.Add(point);
        }

        End();
        return contents;
    }
}
