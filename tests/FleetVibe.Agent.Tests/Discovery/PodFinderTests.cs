using FleetVibe.Agent.Discovery;
using FleetVibe.Agent.Discovery.Pods;
using FleetVibe.Agent.Sources;

namespace FleetVibe.Agent.Tests.Discovery;

public sealed class PodFinderTests : IAsyncLifetime, IDisposable
{
    private static readonly (string, string) Scrape = ("fleetvibe.io/scrape", "true");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TempFolder _folder = new();
    private readonly CancellationTokenSource _stop = new();
    private FakeKubernetes _kubernetes = null!;

    public async Task InitializeAsync() => _kubernetes = await FakeKubernetes.StartAsync();

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _kubernetes.DisposeAsync();
    }

    public void Dispose()
    {
        _folder.Dispose();
        _stop.Dispose();
    }

    private IAsyncEnumerator<DiscoveryOutcome> Watch(Func<KubernetesDiscoverySettings, KubernetesDiscoverySettings>? with = null)
    {
        var settings = new KubernetesDiscoverySettings
        {
            Source = new SourceTemplate(new VllmSourceSettings { Endpoint = new Uri("http://target/metrics") }),
            Kubeconfig = _kubernetes.WriteKubeconfig(_folder.Path),
            Retry = TimeSpan.Zero,
        };
        return new PodFinder(with?.Invoke(settings) ?? settings, TimeProvider.System).WatchAsync(_stop.Token).GetAsyncEnumerator(_stop.Token);
    }

    private static async Task<DiscoveryOutcome> NextAsync(IAsyncEnumerator<DiscoveryOutcome> outcomes)
    {
        Assert.True(await outcomes.MoveNextAsync().AsTask().WaitAsync(Patience));
        return outcomes.Current;
    }

    // Lists may come again at any time: what counts is where it ends.
    private static async Task UntilAsync(IAsyncEnumerator<DiscoveryOutcome> outcomes, params string[] addresses)
    {
        string[] found;
        do
        {
            found = [.. (await NextAsync(outcomes)).Targets?.Select(target => target.Address) ?? ["unknown"]];
        }
        while (!found.SequenceEqual(addresses));
    }

    [Fact]
    public async Task A_pod_that_asks_for_it_is_a_target_with_its_annotations()
    {
        _kubernetes.Put("models", "a", "10.0.0.1", "Running", Scrape, ("fleetvibe.io/port", "9000"), ("fleetvibe.io/path", "/m"), ("fleetvibe.io/scheme", "https"),
            ("fleetvibe.io/kind", "sglang"), ("fleetvibe.io/model", "qwen3-4b"), ("fleetvibe.io/task", "chat"), ("fleetvibe.io/variant", "b"));
        _kubernetes.Put("models", "b", "10.0.0.2");
        _kubernetes.Put("models", "c", "10.0.0.3", "Succeeded", Scrape);
        _kubernetes.Put("models", "d", "fd00::4", "Running", Scrape);
        _kubernetes.Put("models", "e", "", "Pending", Scrape);
        await using var outcomes = Watch();

        var targets = (await NextAsync(outcomes)).Targets!;

        Assert.Equal(["10.0.0.1:9000", "[fd00::4]:8000"], targets.Select(target => target.Address));
        var (source, problem) = TargetSources.Of(new SourceTemplate(new VllmSourceSettings { Endpoint = new Uri("http://target/metrics") }), targets[0]);
        Assert.Equal("", problem);
        Assert.Equal(("sglang:models/a", "qwen3-4b", "chat", "b"), (source!.Key, source.Model, source.Task, source.Variant));
        Assert.Equal("https://10.0.0.1:9000/m", source.Endpoint.AbsoluteUri);
        Assert.Equal("llm", targets[0].Labels["__meta_kubernetes_pod_label_app_kubernetes_io_name"]);
        Assert.Contains(_kubernetes.Asked, asked => asked.StartsWith("Bearer secret /api/v1/pods", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Pods_that_come_change_and_go_are_followed()
    {
        await using var outcomes = Watch();
        await UntilAsync(outcomes);
        _kubernetes.Put("models", "a", "10.0.0.1", "Running", Scrape);
        await UntilAsync(outcomes, "10.0.0.1:8000");
        _kubernetes.Put("models", "b", "10.0.0.2", "Running", Scrape);
        await UntilAsync(outcomes, "10.0.0.1:8000", "10.0.0.2:8000");
        _kubernetes.Put("models", "a", "10.0.0.1", "Failed", Scrape);
        await UntilAsync(outcomes, "10.0.0.2:8000");
        _kubernetes.Delete("models", "b");
        await UntilAsync(outcomes);
    }

    [Fact]
    public async Task A_stream_that_ends_or_is_too_old_is_followed_by_a_fresh_list()
    {
        _kubernetes.Put("models", "a", "10.0.0.1", "Running", Scrape);
        await using var outcomes = Watch();
        await UntilAsync(outcomes, "10.0.0.1:8000");
        _kubernetes.VersionsAreGone = true;
        _kubernetes.EndStreams();
        _kubernetes.Delete("models", "a");
        _kubernetes.Put("models", "b", "10.0.0.2", "Running", Scrape);
        await UntilAsync(outcomes, "10.0.0.2:8000");
        _kubernetes.EndStreams();
        _kubernetes.Put("models", "c", "10.0.0.3", "Running", Scrape);
        await UntilAsync(outcomes, "10.0.0.2:8000", "10.0.0.3:8000");
    }

    [Fact]
    public async Task What_fails_is_told_and_what_was_found_stays()
    {
        _kubernetes.Put("models", "a", "10.0.0.1", "Running", Scrape);
        await using var outcomes = Watch(settings => settings with { Namespaces = ["models"] });
        await UntilAsync(outcomes, "10.0.0.1:8000");
        _kubernetes.Refusal = 403;
        _kubernetes.EndStreams();

        DiscoveryOutcome outcome;
        do
        {
            outcome = await NextAsync(outcomes);
        }
        while (outcome.Problem.Length == 0);

        Assert.Equal("10.0.0.1:8000", Assert.Single(outcome.Targets!).Address);
        Assert.Contains("forbids to see pods of namespace models: give the service account a role with list and watch on pods", outcome.Problem, StringComparison.Ordinal);
        _kubernetes.Refusal = 0;
        do
        {
            outcome = await NextAsync(outcomes);
        }
        while (outcome.Problem.Length > 0);

        Assert.Single(outcome.Targets!);
    }

    [Fact]
    public async Task Namespaces_node_and_selector_are_asked_for()
    {
        _kubernetes.Put("one", "a", "10.0.0.1", "Running", ("example.org/scrape", "true"));
        _kubernetes.Put("two", "b", "10.0.0.2", "Running", ("example.org/scrape", "true"));
        _kubernetes.Put("three", "c", "10.0.0.3", "Running", ("example.org/scrape", "true"));
        await using var outcomes = Watch(settings => settings with { Namespaces = ["one", "two"], NodeName = "node-1", Selector = "app=llm", Prefix = "example.org" });

        await UntilAsync(outcomes, "10.0.0.1:8000", "10.0.0.2:8000");

        Assert.Contains("Bearer secret /api/v1/namespaces/two/pods spec.nodeName=node-1 app=llm", _kubernetes.Asked);
    }

    [Fact]
    public async Task A_kubeconfig_that_cannot_be_used_is_told_with_its_path()
    {
        await using var outcomes = Watch(settings => settings with { Kubeconfig = Path.Combine(_folder.Path, "none"), Retry = TimeSpan.FromHours(1) });

        var outcome = await NextAsync(outcomes);

        Assert.Null(outcome.Targets);
        Assert.Contains("none cannot be used", outcome.Problem, StringComparison.Ordinal);
    }
}
