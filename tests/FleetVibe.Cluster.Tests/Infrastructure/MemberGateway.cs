using System.Collections.Concurrent;
using FleetVibe.Aggregator.Gateways;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Cluster.Tests.Infrastructure;

/// <summary>One member's way to the one store: delays, fails, loses answers. Thread safe.</summary>
internal sealed class MemberGateway(Store store) : IGateway
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);
    private int _answersToLose;

    /// <summary>Requests reach the store when this ends, also those that their caller gave up.</summary>
    public Task BeforeCommit { get; set; } = Task.CompletedTask;

    /// <summary>Commits take effect at once and are answered when this ends.</summary>
    public Task CommitAnswer { get; set; } = Task.CompletedTask;

    public Task OpenWindowsAnswer { get; set; } = Task.CompletedTask;

    /// <summary>While set every call fails before it reaches the store.</summary>
    public bool IsDown { get; set; }

    /// <summary>What was asked, in order: the call's name and the series or node.</summary>
    public ConcurrentQueue<(string Call, string Of)> Calls { get; } = [];

    public int HeldCommits => _heldCommits;

    private int _heldCommits;

    public string? LastError => IsDown ? "down" : null;

    public bool IsReachable => !IsDown;

    /// <summary>That many calls take effect and are answered by an exception.</summary>
    public void LoseAnswers(int count) => Interlocked.Exchange(ref _answersToLose, count);

    public Task<WindowState> LoadWindow(LoadWindowRequest request) =>
        Call(nameof(LoadWindow), request.Key.Series.Model, () => store.Log.LoadWindowAsync(request.Key));

    public Task<LoadOpenWindowsReply> LoadOpenWindows(LoadOpenWindowsRequest request) => Call(nameof(LoadOpenWindows), request.Series.Model, async () =>
    {
        var reply = await store.Log.LoadOpenWindowsAsync(request.Series);
        await OpenWindowsAnswer;
        return reply;
    });

    public Task<CommitReply> Commit(CommitRequest request)
    {
        // The wire would have copied it.
        var copy = request.Clone();
        return Call(nameof(Commit), copy.Key.Series.Model, async () =>
        {
            Interlocked.Increment(ref _heldCommits);
            await BeforeCommit;
            var reply = await store.Commit(copy);
            await CommitAnswer;
            Interlocked.Decrement(ref _heldCommits);
            return reply;
        });
    }

    public Task<PutPointsReply> PutPoints(PutPointsRequest request) => Call(nameof(PutPoints), request.Record.Node, async () =>
    {
        await store.Log.PutPointsAsync(request.Clone());
        return new PutPointsReply();
    });

    public Task<RefusePartReply> RefusePart(RefusePartRequest request) => Call(
        nameof(RefusePart), request.Key.Series.Model, async () => new RefusePartReply { Fate = await store.Log.RefusePartAsync(request.Clone()) });

    public Task<AdmitInstanceReply> AdmitInstance(AdmitInstanceRequest request) =>
        Call(nameof(AdmitInstance), request.Node, () => store.Log.AdmitInstanceAsync(request.Clone()));

    public Task<GatewayStatus> GetStatus(GatewayStatusRequest request) => Call(nameof(GetStatus), "", store.Log.StatusAsync);

    private async Task<T> Call<T>(string call, string of, Func<Task<T>> work)
    {
        Calls.Enqueue((call, of));
        if (IsDown)
        {
            throw new IOException("down");
        }

        var reply = await work().WaitAsync(Deadline, TimeProvider.System);
        return Volatile.Read(ref _answersToLose) > 0 && Interlocked.Decrement(ref _answersToLose) >= 0
            ? throw new IOException("the answer was lost")
            : reply;
    }
}
