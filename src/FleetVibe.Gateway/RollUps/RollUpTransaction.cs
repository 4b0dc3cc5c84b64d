using FleetVibe.Protocol.Mapping;

namespace FleetVibe.Gateway.RollUps;

/// <summary>What one turn came to.</summary>
/// <param name="More">More is due.</param>
/// <param name="Fault">Why a roll-up of the turn cannot be made; null where all were.</param>
internal readonly record struct RollUpTurn(int Made, bool More, string? Fault);

/// <summary>
/// Makes the roll-ups that are due, a few at a time: each whole from what is committed, with the head of its point, the mark of
/// the roll-up above it, and its own mark settled, in one transaction.
/// </summary>
internal static class RollUpTransaction
{
    internal static RollUpTurn Run(Database database, LogIdentity identity, DateTimeOffset now, int most)
    {
        var due = RollUpMarks.Due(database, now, most);
        string? fault = null;
        foreach (var mark in due)
        {
            DateTimeOffset? next = null;
            try
            {
                next = Make(database, mark.Key, identity, now);
            }
            catch (InvalidDataException e)
            {
                // It would fail for ever and hold the horizon: it stays as it is until a part of it changes.
                fault ??= $"the {FleetPoint.NameOf(WindowLevels.SecondsOf(mark.Key.Level))} window at {mark.Key.Start} of {SeriesOf(database, mark.Key)}: {e.Message}";
            }

            RollUpMarks.Settle(database, mark, next);
        }

        return new RollUpTurn(due.Count, due.Count == most, fault);
    }

    // Returns when it must be made again though nothing changes.
    private static DateTimeOffset? Make(Database database, RollUpKey key, LogIdentity identity, DateTimeOffset now)
    {
        var parts = RollUpTable.PartsOf(database, key);
        if (parts.Count == 0)
        {
            return null;
        }

        var marksBelow = RollUpMarks.AnyBelow(database, key);
        var current = RollUpTable.Find(database, key);
        var next = RollUpMerge.Of(parts, complete: RollUpSchedule.IsPast(key, now) && !marksBelow, current, out var totals);
        if (next == current)
        {
            RollUpTable.Touch(database, key, now);
        }
        else
        {
            var window = next.AsPoint(TotalsMapper.FromWire(SeriesOf(database, key)), WindowLevels.SecondsOf(key.Level), key.Start, totals);
            var point = FleetPoint.Render(window, out var fields);
            HeadTable.Raise(database, point, new PointRevision(identity.Generation, next.Revision), now);
            RollUpTable.Write(database, key, next with { Fields = fields }, now);
            if (key.Parent is { } parent)
            {
                RollUpMarks.Set(database, parent, now);
            }
        }

        return RollUpSchedule.NextLook(key, marksBelow, now);
    }

    private static SeriesKey SeriesOf(Database database, RollUpKey key)
    {
        using var row = database.Query("SELECT model, task, variant FROM series WHERE id = $1", key.Series);
        row.Read();
        return new SeriesKey { Model = row.GetString(0), Task = row.GetString(1), Variant = row.GetString(2) };
    }
}
