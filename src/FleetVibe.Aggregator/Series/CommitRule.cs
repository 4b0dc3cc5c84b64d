namespace FleetVibe.Aggregator.Series;

/// <summary>When a held window gets its next revision.</summary>
internal static class CommitRule
{
    public static bool IsBackfill(SeriesWindow window, Moment now, SeriesRules rules) =>
        window.HasPending && now.Utc >= window.End + rules.Lateness;

    /// <param name="window">Held, with no commit under way.</param>
    /// <param name="expected">The hosts from which a contribution is expected, contributors included.</param>
    /// <param name="now">Of the one clock.</param>
    /// <param name="rules">Times.</param>
    public static bool IsDue(SeriesWindow window, IReadOnlySet<string> expected, Moment now, SeriesRules rules)
    {
        var finalAt = window.End + rules.Lateness;
        if (!window.Id.IsBase)
        {
            // Made of back-fill alone: it comes in storms, nobody is waited for, and an empty one says nothing.
            return window.HasPending ? now.Up >= window.FirstPendingAt + rules.BackfillDebounce : window.Revision > 0 && !window.IsFinal && now.Utc >= finalAt;
        }

        if (now.Utc < window.End)
        {
            return false;
        }

        if (window.HasPending)
        {
            var isFirst = window.Revision == 0;
            if (isFirst && now.Utc < finalAt && expected.IsSubsetOf(window.Contributors))
            {
                return true;
            }

            var debounced = window.FirstPendingAt + (IsBackfill(window, now, rules) ? rules.BackfillDebounce : rules.Debounce);
            return now.Up >= debounced && (!isFirst || now.Utc >= window.End + rules.Grace);
        }

        return window.Revision == 0
            ? now.Utc >= window.End + rules.Grace && expected.Count > 0
            : !window.IsFinal && now.Utc >= finalAt;
    }
}
