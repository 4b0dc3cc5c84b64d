namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>Finds the <c>model</c> of a request while its body passes, in any pieces and in bounded memory. Not thread safe.</summary>
internal sealed class RequestModel : IJsonFieldSink
{
    private static readonly JsonPathTree Paths = JsonPathTree.Of(("model", 0));

    private readonly JsonFieldScanner _scanner;

    public RequestModel() => _scanner = new JsonFieldScanner(Paths, this);

    /// <summary>Null as long as none was found.</summary>
    public string? Name { get; private set; }

    /// <summary>Whether there is nothing more to find.</summary>
    public bool IsDone { get; private set; }

    public void Feed(ReadOnlySpan<byte> bytes)
    {
        if (!IsDone)
        {
            _scanner.Feed(bytes);
        }
    }

    void IJsonFieldSink.OnField(int field, JsonFieldKind kind, ReadOnlySpan<byte> raw, bool isWhole)
    {
        // Of a name that stands there twice engines take the last one.
        Name = JsonField.Text(kind, raw, isWhole) ?? Name;
    }

    void IJsonFieldSink.OnValue() => IsDone = true;
}
