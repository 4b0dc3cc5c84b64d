namespace FleetVibe.Agent.Spool;

/// <summary>
/// How long the spool lasts while nothing leaves it: the room that is left, at the rate at which records are made. Records that
/// leave again count all the same, so a connection changes nothing. Not thread safe.
/// </summary>
internal sealed class OutageForecast
{
    private static readonly TimeSpan Span = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Shortest = TimeSpan.FromMinutes(1);

    private readonly Queue<(DateTimeOffset At, long Bytes)> _made = new();
    private DateTimeOffset _last;
    private long _bytes;
    private long _pageUsed = PageHeader;

    /// <summary>Takes the records of a transaction; forgets what is older than some minutes.</summary>
    /// <param name="at">Corrected time of the transaction.</param>
    /// <param name="contents">Bytes of the content of each record that it made.</param>
    internal void Note(DateTimeOffset at, IEnumerable<long> contents)
    {
        if (contents.Sum(InFile) is > 0 and var bytes)
        {
            // A clock that was set back makes older samples worthless.
            while (_made.TryPeek(out var oldest) && (at - oldest.At > Span || at < _last))
            {
                _made.Dequeue();
                _bytes -= oldest.Bytes;
            }

            _made.Enqueue((at, bytes));
            _bytes += bytes;
            _last = at;
        }
    }

    /// <summary>Seconds until the room is used up, at most <see cref="int.MaxValue"/>; null before records were made for a minute.</summary>
    /// <param name="room">Bytes of the file that are left; 0 or less where it is full.</param>
    internal long? SecondsLeft(long room)
    {
        // The oldest sample only begins the time in which the others were made.
        if (!_made.TryPeek(out var oldest) || _last - oldest.At < Shortest)
        {
            return null;
        }

        var rate = (_bytes - oldest.Bytes) / (_last - oldest.At).TotalSeconds;
        return (long)Math.Min(Math.Max(0, room) / rate, int.MaxValue);
    }

    // How SQLite lays rows out that come in the order of their key (sections 1.5 and 1.6 of its file format), with what a record's
    // other columns and its row in the index were measured to take. What a row leaves unused of its page is counted with the next.
    private const int PageBytes = 4096;
    private const int PageHeader = 8;
    private const int IndexBytes = 25;
    private const int ColumnBytes = 16;
    private const int CellBytes = 6;
    private const int MostInPage = PageBytes - 35;
    private const int LeastInPage = (PageBytes - 12) * 32 / 255 - 23;
    private const int OverflowBytes = PageBytes - 4;

    private long InFile(long content)
    {
        var row = content + ColumnBytes;
        long pages = 0;
        if (row > MostInPage)
        {
            var kept = LeastInPage + (row - LeastInPage) % OverflowBytes;
            kept = kept <= MostInPage ? kept : LeastInPage;
            pages = (row - kept + OverflowBytes - 1) / OverflowBytes;
            row = kept;
        }

        var bytes = pages * PageBytes + row + CellBytes + IndexBytes;
        if (_pageUsed + row + CellBytes > PageBytes)
        {
            bytes += PageBytes - _pageUsed + PageHeader;
            _pageUsed = PageHeader;
        }

        _pageUsed += row + CellBytes;
        return bytes;
    }
}
