using FleetVibe.Gateway.Service;
using Microsoft.Extensions.Logging.Abstractions;

namespace FleetVibe.Gateway.Tests.Store;

/// <summary>A file at its configured limit, with windows that the horizon has left behind.</summary>
public sealed class FullLogTests : IDisposable
{
    // The least that a file may have.
    private readonly TestLog _test = new(s => s with { StoreMaxBytes = 1 });
    private ulong _seq;

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task A_full_log_frees_itself_though_its_own_point_finds_no_room()
    {
        await FillAsync();
        var window = WindowNow();
        await UntilFullAsync(() => _test.Log.PutOwnPointAsync("gateway", window += 10));
        using var housekeeping = new Housekeeping(_test.Log, _test.Settings, _test.Clock, NullLogger<Housekeeping>.Instance);

        await housekeeping.OnWindowEndAsync(window + 60 - (window % 60), CancellationToken.None);

        Assert.Equal(CommitReply.Types.Outcome.Committed, (await CommitAsync()).Outcome);
        await _test.CheckLedgerAsync();
    }

    [Fact]
    public async Task What_frees_room_does_not_fail_with_a_commit_that_finds_none()
    {
        await FillAsync();
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var open = new ManualResetEventSlim();
        var held = _test.Log.Writer.RunAsync(_ =>
        {
            entered.SetResult();
            open.Wait();
            return true;
        });
        await entered.Task;
        var commit = CommitAsync();
        var tidied = _test.Log.MaintainAsync();
        open.Set();
        await held;

        await Assert.ThrowsAsync<StoreFullException>(() => commit);
        await tidied;

        Assert.Equal(CommitReply.Types.Outcome.Committed, (await CommitAsync()).Outcome);
        await _test.CheckLedgerAsync();
    }

    // Half of it below the horizon, half of it not.
    private async Task FillAsync()
    {
        await UntilFullAsync(CommitAsync);
        _test.Clock.Advance(TimeSpan.FromHours(100));
        await _test.RollUpAsync();
        await UntilFullAsync(CommitAsync);
    }

    private static async Task UntilFullAsync(Func<Task> write)
    {
        while (true)
        {
            try
            {
                await write();
            }
            catch (StoreFullException)
            {
                return;
            }
        }
    }

    private Task<CommitReply> CommitAsync()
    {
        var request = _test.Request(0, TestLog.Totals(1), TestLog.Part(++_seq, 1));
        request.Key = TestLog.Window(WindowNow() + (10 * (long)_seq));
        return _test.CommitAsync(request);
    }

    private long WindowNow() => _test.Clock.GetUtcNow().ToUnixTimeSeconds() / 10 * 10;
}
