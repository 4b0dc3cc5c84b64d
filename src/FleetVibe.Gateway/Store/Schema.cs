namespace FleetVibe.Gateway.Store;

/// <summary>Tables of the commit log. Times are unix seconds unless the name ends in <c>_ms</c>.</summary>
internal static class Schema
{
    internal const int Version = 2;

    /// <summary>All tables of a new log.</summary>
    internal const string Tables = FirstTables + RollUpTables;

    /// <summary>From version 1: the roll-ups of every window that may still change, and so of all that are kept, are due once.</summary>
    internal const string FromVersion1 = RollUpTables + """

        INSERT INTO roll_up_marks
          SELECT DISTINCT series, max(level, 1), CASE level WHEN 0 THEN start - start % 60 ELSE start END, 1, 0 FROM windows, meta
          WHERE CASE level WHEN 0 THEN start - start % 60 ELSE start END >= horizon;
        UPDATE meta SET schema_version = 2;
        """;

    private const string RollUpTables = """


        -- Larger windows, merged whole from the windows or roll-ups inside and what is committed at their own level; columns as in windows.
        CREATE TABLE roll_ups (
          series INTEGER NOT NULL, level INTEGER NOT NULL, start INTEGER NOT NULL,
          revision INTEGER NOT NULL, final INTEGER NOT NULL, requests INTEGER NOT NULL, backfilled INTEGER NOT NULL,
          totals BLOB NOT NULL, hosts TEXT NOT NULL, expected_hosts TEXT NOT NULL, fields INTEGER NOT NULL, made_ms INTEGER NOT NULL,
          UNIQUE (series, level, start)) STRICT;
        CREATE INDEX roll_ups_age ON roll_ups (start);

        -- Roll-ups that have to be made again. version grows with each further mark.
        CREATE TABLE roll_up_marks (
          series INTEGER NOT NULL, level INTEGER NOT NULL, start INTEGER NOT NULL,
          version INTEGER NOT NULL, due_ms INTEGER NOT NULL,
          PRIMARY KEY (series, start, level)) STRICT, WITHOUT ROWID;
        CREATE INDEX roll_up_marks_due ON roll_up_marks (due_ms, level);
        CREATE INDEX roll_up_marks_age ON roll_up_marks (start);
        """;

    private const string FirstTables = """
        CREATE TABLE meta (
          only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
          log_id TEXT NOT NULL, generation INTEGER NOT NULL, born INTEGER NOT NULL,
          horizon INTEGER NOT NULL, schema_version INTEGER NOT NULL) STRICT;

        CREATE TABLE series (
          id INTEGER PRIMARY KEY, model TEXT NOT NULL, task TEXT NOT NULL, variant TEXT NOT NULL,
          UNIQUE (model, task, variant)) STRICT;

        -- hosts and expected_hosts are JSON arrays. fields has a bit for each field that was written once and must stay.
        CREATE TABLE windows (
          series INTEGER NOT NULL, level INTEGER NOT NULL, start INTEGER NOT NULL,
          revision INTEGER NOT NULL, final INTEGER NOT NULL, requests INTEGER NOT NULL, backfilled INTEGER NOT NULL,
          totals BLOB NOT NULL, hosts TEXT NOT NULL, expected_hosts TEXT NOT NULL, fields INTEGER NOT NULL,
          UNIQUE (series, start, level)) STRICT;
        CREATE INDEX windows_open ON windows (series, start) WHERE final = 0;
        CREATE INDEX windows_age ON windows (start);

        CREATE TABLE instances (
          id INTEGER PRIMARY KEY, node TEXT NOT NULL, instance BLOB NOT NULL,
          ordinal INTEGER NOT NULL, floor INTEGER NOT NULL, highest_seq INTEGER NOT NULL,
          UNIQUE (node, instance), UNIQUE (node, ordinal)) STRICT;

        CREATE TABLE leases (
          node TEXT PRIMARY KEY, instance INTEGER NOT NULL REFERENCES instances (id), renewed_at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;

        -- One fate for a record's part of one series, the first; removable only below the instance's floor.
        CREATE TABLE fates (
          instance INTEGER NOT NULL, seq INTEGER NOT NULL, series INTEGER NOT NULL,
          level INTEGER NOT NULL, start INTEGER NOT NULL, fate INTEGER NOT NULL,
          requests INTEGER NOT NULL, content_hash INTEGER NOT NULL,
          PRIMARY KEY (instance, seq, series)) STRICT, WITHOUT ROWID;
        CREATE INDEX fates_of_window ON fates (start, series, level);

        -- node is empty for the whole log.
        CREATE TABLE counters (
          node TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (node, name)) STRICT, WITHOUT ROWID;

        -- One row a point: the highest revision and what became of it. state: 0 queued, 1 delivered, 2 dead letter.
        CREATE TABLE heads (
          id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, window_start INTEGER NOT NULL,
          revision_hi INTEGER NOT NULL, revision_lo INTEGER NOT NULL, line TEXT NOT NULL,
          state INTEGER NOT NULL, replay INTEGER NOT NULL DEFAULT 0, turn INTEGER NOT NULL,
          delivered_hi INTEGER, delivered_lo INTEGER,
          attempt INTEGER, attempt_hi INTEGER, attempt_lo INTEGER, attempt_replays INTEGER) STRICT;
        CREATE INDEX heads_due ON heads (turn) WHERE attempt IS NULL AND (state = 0 OR replay = 1);
        CREATE INDEX heads_attempted ON heads (attempt) WHERE attempt IS NOT NULL;
        CREATE INDEX heads_age ON heads (window_start);

        -- state: 0 sending, 1 outcome unknown. A number is never given again: an end that comes late must not meet another attempt.
        CREATE TABLE attempts (
          id INTEGER PRIMARY KEY AUTOINCREMENT, expires_at_ms INTEGER NOT NULL, state INTEGER NOT NULL) STRICT;

        CREATE TABLE dead_letters (
          id INTEGER PRIMARY KEY, key TEXT NOT NULL, revision_hi INTEGER NOT NULL, revision_lo INTEGER NOT NULL,
          line TEXT NOT NULL, reason TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
        """;
}
