using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using FleetVibe.Agent.Sources.Proxy;

namespace FleetVibe.Agent.Tests.Sources.Proxy;

public class JsonFieldScannerTests
{
    private static readonly string[] Names = ["model", "usage", "n", "x", "deep"];

    private static readonly Gen<JsonNode?> Scalars = Gen.OneOf<JsonNode?>(
        Gen.String.Select(text => (JsonNode?)JsonValue.Create(text)),
        Gen.OneOf("\"", "\\", "a\\\"b", "}]", "häß\n☃", new string('é', 300)).Select(text => (JsonNode?)JsonValue.Create(text)),
        Gen.Long.Select(number => (JsonNode?)JsonValue.Create(number)),
        Gen.Double[-1e6, 1e6].Select(number => (JsonNode?)JsonValue.Create(number)),
        Gen.Bool.Select(flag => (JsonNode?)JsonValue.Create(flag)),
        Gen.Const((JsonNode?)null));

    private static readonly Gen<JsonNode?> Documents = Node(4);

    [Fact]
    public void It_finds_what_a_parser_finds_wherever_the_bytes_are_cut() =>
        Gen.Select(Documents.Array[1, 4], Gen.Int[1, 7], Gen.Bool, Gen.Int[0, 2]).Sample((documents, step, indented, separator) =>
        {
            // Words and numbers need something between them; the rest may follow at once.
            var options = new JsonSerializerOptions { WriteIndented = indented };
            var text = string.Join(separator == 0 ? "\n" : separator == 1 ? " \r\n " : "\n\n", documents.Select(document => document is null ? "null" : document.ToJsonString(options)));
            var bytes = Encoding.UTF8.GetBytes(text);
            var expected = documents.SelectMany(document => Expected(document, "").Append("end")).ToList();

            Assert.Equal(expected, Found(bytes, bytes.Length));
            Assert.Equal(expected, Found(bytes, step));
        });

    [Theory]
    [InlineData("{\"model\":}\n{\"n\":1}", "n=1 end")]
    [InlineData("[DONE]\n{\"n\":1}", "n=1 end")]
    [InlineData("{\"model\":\"a\" \"n\":2}\n{\"n\":3}", "model=a n=3 end")]
    [InlineData("{\"model\":\"a\"", "model=a")]
    [InlineData("{\"n\":12", "n=12")]
    [InlineData("<html>{\"n\":1}</html>", "")]
    public void What_is_no_JSON_is_skipped_to_the_end_of_its_line(string text, string expected) =>
        Assert.Equal(expected, string.Join(' ', Found(Encoding.UTF8.GetBytes(text), 1)));

    [Fact]
    public void Depth_and_length_cost_no_memory()
    {
        var sink = new Sink();
        var scanner = new JsonFieldScanner(Sink.Paths, sink);
        var deep = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("[", 100_000)));
        var text = Encoding.UTF8.GetBytes("{\"model\":\"" + new string('x', 100_000));
        scanner.Feed(text);
        scanner.Reset();
        scanner.Feed(deep);
        var before = GC.GetAllocatedBytesForCurrentThread();
        scanner.Reset();
        scanner.Feed(deep);
        scanner.Reset();
        scanner.Feed(text);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024);
    }

    [Fact]
    public void No_bytes_make_it_fail() =>
        Gen.OneOf<byte>(Gen.Byte, Gen.OneOf("{}[]\":,\\ \n01tfnmodel"u8.ToArray())).Array[0, 200].Sample(bytes => Found(bytes, 3));

    private static Gen<JsonNode?> Node(int depth) => depth == 0
        ? Scalars
        : Gen.Frequency(
            (3, Scalars),
            (2, Node(depth - 1).Array[0, 3].Select(items => (JsonNode?)new JsonArray([.. items.Select(item => item?.DeepClone())]))),
            (4, Gen.Select(Gen.OneOf(Names), Node(depth - 1)).Array[0, 4].Select(fields =>
            {
                var made = new JsonObject();
                foreach (var (name, value) in fields)
                {
                    made[name] = value?.DeepClone();
                }

                return (JsonNode?)made;
            })));

    private static List<string> Found(byte[] bytes, int step)
    {
        var sink = new Sink();
        var scanner = new JsonFieldScanner(Sink.Paths, sink);
        for (var at = 0; at < bytes.Length; at += step)
        {
            scanner.Feed(bytes.AsSpan(at, Math.Min(step, bytes.Length - at)));
        }

        scanner.Complete();
        return sink.Found;
    }

    private static IEnumerable<string> Expected(JsonNode? node, string path)
    {
        switch (node)
        {
            case JsonObject fields:
                if (Sink.NameOf(path) is { } container)
                {
                    yield return $"{container}=container";
                }

                foreach (var found in fields.SelectMany(field => Expected(field.Value, path.Length == 0 ? field.Key : $"{path}.{field.Key}")))
                {
                    yield return found;
                }

                break;
            case JsonArray items:
                if (Sink.NameOf(path) is { } array)
                {
                    yield return $"{array}=container";
                }

                foreach (var found in items.SelectMany(item => Expected(item, path)))
                {
                    yield return found;
                }

                break;
            default:
                if (Sink.NameOf(path) is { } scalar)
                {
                    yield return $"{scalar}={Shown(node)}";
                }

                break;
        }
    }

    private static string Shown(JsonNode? scalar)
    {
        var raw = scalar is null ? "null" : scalar.ToJsonString();
        raw = raw[0] == '"' ? raw[1..^1] : raw;
        return Encoding.UTF8.GetByteCount(raw) <= JsonFieldScanner.MaxCapture ? raw : "(long)";
    }

    private sealed class Sink : IJsonFieldSink
    {
        private static readonly string[] Wanted = ["model", "usage.n", "usage.deep.x", "n"];

        public static JsonPathTree Paths { get; } = JsonPathTree.Of([.. Wanted.Select((path, index) => (path, index))]);

        public List<string> Found { get; } = [];

        public static string? NameOf(string path) => Wanted.Contains(path) ? path : null;

        public void OnField(int field, JsonFieldKind kind, ReadOnlySpan<byte> raw, bool isWhole) =>
            Found.Add($"{Wanted[field]}={(kind == JsonFieldKind.Container ? "container" : isWhole ? Encoding.UTF8.GetString(raw) : "(long)")}");

        public void OnValue() => Found.Add("end");
    }
}
