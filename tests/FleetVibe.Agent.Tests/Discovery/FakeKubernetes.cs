using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FleetVibe.Agent.Tests.Sources.Http;
using Microsoft.AspNetCore.Http;

namespace FleetVibe.Agent.Tests.Discovery;

/// <summary>As much of an API server as a list and a watch of pods need: versions, streams, and the ways in which they fail.</summary>
internal sealed class FakeKubernetes : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly List<(string Namespace, JsonObject Event)> _events = [];
    private readonly SortedDictionary<string, (string Namespace, JsonObject Pod)> _pods = new(StringComparer.Ordinal);
    private LoopbackServer _server = null!;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _generation;

    private FakeKubernetes()
    {
    }

    /// <summary>What every request gets instead of an answer; 0 is none.</summary>
    internal volatile int Refusal;

    /// <summary>Streams end with this event instead of following.</summary>
    internal volatile bool VersionsAreGone;

    internal List<string> Asked { get; } = [];

    internal static async Task<FakeKubernetes> StartAsync()
    {
        var fake = new FakeKubernetes();
        fake._server = await LoopbackServer.StartAsync(fake.AnswerAsync);
        return fake;
    }

    internal string WriteKubeconfig(string folder)
    {
        var path = Path.Combine(folder, "kubeconfig");
        File.WriteAllText(path, $"""
            apiVersion: v1
            kind: Config
            current-context: test
            clusters:
            - name: test
              cluster:
                server: {_server.Address}
            users:
            - name: test
              user:
                token: secret
            contexts:
            - name: test
              context:
                cluster: test
                user: test
            """);
        return path;
    }

    internal void Put(string ns, string name, string ip, string phase = "Running", params (string Name, string Value)[] annotations)
    {
        var pod = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Pod",
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["namespace"] = ns,
                ["labels"] = new JsonObject { ["app.kubernetes.io/name"] = "llm" },
                ["annotations"] = new JsonObject(annotations.Select(a => KeyValuePair.Create(a.Name, (JsonNode?)a.Value))),
            },
            ["spec"] = new JsonObject
            {
                ["nodeName"] = "node-1",
                ["containers"] = new JsonArray(new JsonObject { ["name"] = "engine", ["ports"] = new JsonArray(new JsonObject { ["containerPort"] = 8000 }) }),
            },
            ["status"] = new JsonObject { ["phase"] = phase, ["podIP"] = ip },
        };
        Change(ns, name, _pods.ContainsKey(name) ? "MODIFIED" : "ADDED", pod);
    }

    internal void Delete(string ns, string name) => Change(ns, name, "DELETED", _pods[name].Pod);

    /// <summary>Every stream ends, as when the server or a proxy closes it.</summary>
    internal void EndStreams()
    {
        lock (_lock)
        {
            _generation++;
            Wake();
        }
    }

    public async ValueTask DisposeAsync()
    {
        EndStreams();
        await _server.DisposeAsync();
    }

    private void Change(string ns, string name, string type, JsonObject pod)
    {
        lock (_lock)
        {
            _pods.Remove(name);
            if (type != "DELETED")
            {
                _pods[name] = (ns, pod);
            }

            _events.Add((ns, new JsonObject { ["type"] = type, ["object"] = pod.DeepClone() }));
            Wake();
        }
    }

    private void Wake()
    {
        _changed.TrySetResult();
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var ns = path.Length == 5 ? path[3] : null;
        int generation;
        lock (_lock)
        {
            generation = _generation;
            Asked.Add($"{context.Request.Headers.Authorization} {context.Request.Path} {context.Request.Query["fieldSelector"]} {context.Request.Query["labelSelector"]}");
        }

        if (Refusal != 0)
        {
            context.Response.StatusCode = Refusal;
            return;
        }

        context.Response.ContentType = "application/json";
        if (context.Request.Query["watch"] == "true")
        {
            await StreamAsync(context, ns, int.Parse(context.Request.Query["resourceVersion"]!, CultureInfo.InvariantCulture), generation);
            return;
        }

        JsonObject list;
        lock (_lock)
        {
            list = new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "PodList",
                ["metadata"] = new JsonObject { ["resourceVersion"] = _events.Count.ToString(CultureInfo.InvariantCulture) },
                ["items"] = new JsonArray([.. _pods.Values.Where(pod => ns is null || pod.Namespace == ns).Select(pod => pod.Pod.DeepClone())]),
            };
        }

        await context.Response.WriteAsync(list.ToJsonString());
    }

    private async Task StreamAsync(HttpContext context, string? ns, int version, int generation)
    {
        await context.Response.Body.FlushAsync();
        if (VersionsAreGone)
        {
            VersionsAreGone = false;
            await context.Response.WriteAsync("""{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}""" + "\n");
            return;
        }

        while (true)
        {
            List<JsonObject> news;
            Task changed;
            lock (_lock)
            {
                if (_generation != generation)
                {
                    return;
                }

                news = [.. _events.Skip(version).Where(change => ns is null || change.Namespace == ns).Select(change => change.Event)];
                version = _events.Count;
                changed = _changed.Task;
            }

            foreach (var change in news)
            {
                await context.Response.WriteAsync(JsonSerializer.Serialize(change) + "\n");
                await context.Response.Body.FlushAsync();
            }

            await changed.WaitAsync(context.RequestAborted);
        }
    }
}
