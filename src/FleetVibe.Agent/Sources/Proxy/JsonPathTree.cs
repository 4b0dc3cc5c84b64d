using System.Text;

namespace FleetVibe.Agent.Sources.Proxy;

/// <summary>The wanted paths of a JSON document as a tree of names.</summary>
internal sealed class JsonPathTree
{
    private readonly List<(byte[] Name, JsonPathTree Child)> _children = [];

    private JsonPathTree()
    {
    }

    /// <summary>What stands here; null where only something below is wanted.</summary>
    public int? Field { get; private set; }

    /// <param name="paths">Names with dots between them, such as <c>usage.prompt_tokens</c>; arrays are no step.</param>
    public static JsonPathTree Of(params ReadOnlySpan<(string Path, int Field)> paths)
    {
        var root = new JsonPathTree();
        foreach (var (path, field) in paths)
        {
            var node = root;
            foreach (var name in path.Split('.'))
            {
                var bytes = Encoding.UTF8.GetBytes(name);
                if (node.Child(bytes) is not { } child)
                {
                    node._children.Add((bytes, child = new JsonPathTree()));
                }

                node = child;
            }

            node.Field = field;
        }

        return root;
    }

    public JsonPathTree? Child(ReadOnlySpan<byte> name)
    {
        foreach (var (known, child) in _children)
        {
            if (name.SequenceEqual(known))
            {
                return child;
            }
        }

        return null;
    }
}
