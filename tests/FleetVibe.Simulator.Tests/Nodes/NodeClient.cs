using System.Net;
using System.Net.Http.Headers;
using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Nodes;

namespace FleetVibe.Simulator.Tests.Nodes;

/// <summary>A client that trusts the node's authority and has its token.</summary>
internal sealed class NodeClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly SimulatedNode _node;

    public NodeClient(SimulatedNode node, string? token = null)
    {
        _node = node;
        var handler = PeerTrust.CreateHandler(node.CaFile);
        handler.AutomaticDecompression = DecompressionMethods.None;
        _http = new HttpClient(handler);
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token ?? BearerToken.FromFile(node.TokenFile).Current);
    }

    public Task<HttpResponseMessage> GetAsync(string path, HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead, CancellationToken cancellationToken = default) =>
        _http.GetAsync(new Uri(_node.Address, path), completion, cancellationToken);

    public async Task<string> GetTextAsync(string path)
    {
        using var response = await GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsStringAsync();
    }

    public async Task<Exposition> GetMetricsAsync() => new(await GetTextAsync("/metrics"));

    public void Dispose() => _http.Dispose();
}
