using System.Net;
using System.Threading.Channels;
using k8s;
using k8s.Autorest;
using k8s.Models;

namespace FleetVibe.Agent.Discovery.Pods;

/// <summary>
/// Lists the pods of each namespace and follows their changes. A stream that ends or breaks is followed by a fresh list, so
/// that nothing is missed; until then what was found stays.
/// </summary>
internal sealed class PodFinder(KubernetesDiscoverySettings settings, TimeProvider time) : ITargetFinder
{
    private const int StreamSeconds = 300;

    // A network that swallows a stream would leave it open for ever.
    private static readonly TimeSpan SilentStream = TimeSpan.FromSeconds(StreamSeconds + 30);

    private readonly PodTable _table = new(settings.Prefix);

    public IAsyncEnumerable<DiscoveryOutcome> WatchAsync(CancellationToken cancellation)
    {
        var outcomes = Channel.CreateUnbounded<DiscoveryOutcome>();
        _ = Task.Run(
            async () =>
            {
                try
                {
                    await FollowAllAsync(outcomes.Writer, cancellation);
                    outcomes.Writer.Complete();
                }
                catch (Exception e)
                {
                    outcomes.Writer.Complete(e);
                }
            },
            CancellationToken.None);
        return outcomes.Reader.ReadAllAsync(cancellation);
    }

    private async Task FollowAllAsync(ChannelWriter<DiscoveryOutcome> outcomes, CancellationToken cancellation)
    {
        while (true)
        {
            k8s.Kubernetes client;
            try
            {
                client = new k8s.Kubernetes(Configuration());
            }
            catch (Exception e)
            {
                var place = settings.Kubeconfig ?? "~/.kube/config";
                outcomes.TryWrite(_table.Fail("", $"{place} cannot be used ({e.Message.ReplaceLineEndings(" ")}): write kubeconfig, or run in a pod with a service account"));
                await Task.Delay(settings.Retry, time, cancellation);
                continue;
            }

            using (client)
            {
                IReadOnlyList<string> scopes = settings.Namespaces.Count == 0 ? [""] : settings.Namespaces;
                await Task.WhenAll(scopes.Select(scope => FollowAsync(client, scope, outcomes, cancellation)));
            }
        }
    }

    private KubernetesClientConfiguration Configuration() =>
        settings.Kubeconfig is { } file ? KubernetesClientConfiguration.BuildConfigFromConfigFile(file)
        : KubernetesClientConfiguration.IsInCluster() ? KubernetesClientConfiguration.InClusterConfig()
        : KubernetesClientConfiguration.BuildConfigFromConfigFile();

    private async Task FollowAsync(k8s.Kubernetes client, string scope, ChannelWriter<DiscoveryOutcome> outcomes, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await ListAndWatchAsync(client, scope, outcomes, cancellation);
            }
            catch (Exception e) when (!cancellation.IsCancellationRequested)
            {
                outcomes.TryWrite(_table.Fail(scope, ProblemOf(e, scope, client.BaseUri)));
            }

            await Task.Delay(settings.Retry, time, cancellation);
        }
    }

    private async Task ListAndWatchAsync(k8s.Kubernetes client, string scope, ChannelWriter<DiscoveryOutcome> outcomes, CancellationToken cancellation)
    {
        var fields = settings.NodeName is { } node ? $"spec.nodeName={node}" : null;
        var pods = scope.Length == 0
            ? await client.CoreV1.ListPodForAllNamespacesAsync(fieldSelector: fields, labelSelector: settings.Selector, cancellationToken: cancellation)
            : await client.CoreV1.ListNamespacedPodAsync(scope, fieldSelector: fields, labelSelector: settings.Selector, cancellationToken: cancellation);
        outcomes.TryWrite(_table.Replace(scope, pods.Items));

        // An event that is none says that the stream has nothing more to tell, such as that the version is too old.
        using var silence = new CancellationTokenSource(SilentStream, time);
        void End(Exception failure) => silence.Cancel();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, cancellation);
        var version = pods.Metadata.ResourceVersion;
        IAsyncEnumerable<(WatchEventType, V1Pod)> changes = scope.Length == 0
            ? client.CoreV1.WatchListPodForAllNamespacesAsync(
                fieldSelector: fields, labelSelector: settings.Selector, resourceVersion: version, timeoutSeconds: StreamSeconds, onError: End, cancellationToken: either.Token)
            : client.CoreV1.WatchListNamespacedPodAsync(
                scope, fieldSelector: fields, labelSelector: settings.Selector, resourceVersion: version, timeoutSeconds: StreamSeconds, onError: End, cancellationToken: either.Token);
        try
        {
            await foreach (var (type, pod) in changes)
            {
                if (_table.Apply(scope, type, pod) is { } outcome)
                {
                    outcomes.TryWrite(outcome);
                }
            }
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested && IsEnd(e))
        {
            // No failure: one that had nothing to tell ends like this too, and the list that follows says what is wrong.
        }
    }

    private static bool IsEnd(Exception e) => e is OperationCanceledException or IOException || (e.InnerException is { } inner && IsEnd(inner));

    private static string ProblemOf(Exception e, string scope, Uri server)
    {
        var where = scope.Length == 0 ? "pods of all namespaces" : $"pods of namespace {scope}";
        return e switch
        {
            HttpOperationException { Response.StatusCode: HttpStatusCode.Unauthorized } => $"{server} does not take the credentials: renew the token of the kubeconfig or of the service account",
            HttpOperationException { Response.StatusCode: HttpStatusCode.Forbidden } => $"{server} forbids to see {where}: give the service account a role with list and watch on pods",
            HttpOperationException { Response.StatusCode: var status } => $"{server} answers {(int)status} for {where}: check the namespaces and the selector",
            _ => $"{server} cannot be asked for {where} ({(e.InnerException ?? e).Message.ReplaceLineEndings(" ")}): check that the API server can be reached",
        };
    }
}
