using FleetVibe.Aggregator.Gateways;
using FleetVibe.Protocol.Cluster;
using FleetVibe.Protocol.V1;

namespace FleetVibe.Aggregator.Tests.Doubles;

/// <summary>A gateway in this process, for any number of members. Thread safe.</summary>
internal sealed class FakeGateway : IGateway
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, List<Guid>> _instances = [];
    private readonly Dictionary<string, ulong> _highest = [];

    public ModelGateway Model { get; } = new();

    public List<PutPointsRequest> Points { get; } = [];

    /// <summary>While set every call fails.</summary>
    public bool IsDown { get; set; }

    /// <summary>A commit takes effect at once, and is answered when this ends.</summary>
    public Task CommitAnswer { get; set; } = Task.CompletedTask;

    public string? LastError => IsDown ? "down" : null;

    public bool IsReachable => !IsDown;

    public Task<WindowState> LoadWindow(LoadWindowRequest request) => Locked(() => Model.Load(request.Key));

    public Task<LoadOpenWindowsReply> LoadOpenWindows(LoadOpenWindowsRequest request) => Locked(() => Model.LoadOpen(request.Series));

    public async Task<CommitReply> Commit(CommitRequest request)
    {
        var reply = await Locked(() => Model.Commit(request));
        await CommitAnswer;
        return reply;
    }

    public Task<PutPointsReply> PutPoints(PutPointsRequest request) => Locked(() =>
    {
        Points.Add(request);
        return new PutPointsReply();
    });

    public Task<RefusePartReply> RefusePart(RefusePartRequest request) => Locked(() => Model.Refuse(request));

    public Task<AdmitInstanceReply> AdmitInstance(AdmitInstanceRequest request) => Locked(() =>
    {
        var instance = RecordKey.InstanceFromWire(request.Instance);
        if (!_instances.TryGetValue(request.Node, out var known))
        {
            _instances[request.Node] = known = [];
        }

        if (!known.Contains(instance))
        {
            known.Add(instance);
        }

        return new AdmitInstanceReply
        {
            Outcome = AdmitInstanceReply.Types.Outcome.Admitted,
            InstanceOrdinal = (ulong)known.IndexOf(instance) + 1,
            HighestSeq = _highest.GetValueOrDefault(request.Node),
            LogId = Model.LogId,
        };
    });

    public Task<GatewayStatus> GetStatus(GatewayStatusRequest request) => Locked(() => new GatewayStatus { LogId = Model.LogId });

    /// <summary>Looks at the model while no call changes it.</summary>
    public T Look<T>(Func<ModelGateway, T> look)
    {
        lock (_lock)
        {
            return look(Model);
        }
    }

    private Task<T> Locked<T>(Func<T> work)
    {
        lock (_lock)
        {
            return IsDown ? Task.FromException<T>(new IOException("down")) : Task.FromResult(work());
        }
    }
}
