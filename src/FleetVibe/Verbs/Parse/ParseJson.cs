using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using FleetVibe.Agent.Sources;
using FleetVibe.Agent.Sources.Reading;
using FleetVibe.Metrics.Exposition;
using FleetVibe.Metrics.LineProtocol;

namespace FleetVibe.Verbs.Parse;

/// <summary>
/// One FILE as one line of JSON. Numbers that JSON has no form for are the texts NaN, +Inf and -Inf; timestamps of samples are
/// seconds, of points the integers that they carry.
/// </summary>
internal static class ParseJson
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Of(ParsedInput input)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("file", input.File);
            json.WriteBoolean("ok", input.Error is null);
            json.WriteString("error", input.Error);
            WriteContent(json, input);
            WriteArray(json, "skipped", input.Skipped, WriteSkipped);
            json.WriteString("format", input.Format is { } format ? InputFormats.Word(format) : null);
            if (input.Look is { } look)
            {
                WriteLook(json, look);
            }

            WriteArray(json, "notes", input.Notes, (j, note) => j.WriteStringValue(note));
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WriteContent(Utf8JsonWriter json, ParsedInput input)
    {
        switch (input)
        {
            case { Points: { } points }:
                WriteArray(json, "points", points, WritePoint);
                break;
            case { Log: { } log }:
                WriteArray(json, "requests", log.Requests, WriteRequest);
                WriteArray(json, "gauges", log.Gauges, WriteGauges);
                json.WriteString("log_format", log.Format);
                break;
            case { Gpus: { } table }:
                WriteArray(json, "gpus", table.Gpus, WriteGpu);
                break;
            default:
                WriteArray(json, "families", input.Exposition?.Families ?? [], WriteFamily);
                break;
        }
    }

    private static void WriteFamily(Utf8JsonWriter json, ExpositionFamily family)
    {
        json.WriteStartObject();
        json.WriteString("name", family.Name);
        json.WriteString("type", family.Type);
        WriteArray(json, "samples", family.Samples, WriteSample);
        json.WriteEndObject();
    }

    private static void WriteSample(Utf8JsonWriter json, ExpositionSample sample)
    {
        json.WriteStartObject();
        json.WriteString("name", sample.Name);
        WriteTexts(json, "labels", sample.Labels);
        if (sample.NativeHistogram is null)
        {
            WriteNumber(json, "value", sample.Value);
        }
        else
        {
            json.WriteNull("value");
        }

        WriteNumber(json, "timestamp", sample.Timestamp);
        if (sample.NativeHistogram is { } native)
        {
            json.WriteString("native_histogram", native);
        }

        json.WriteEndObject();
    }

    private static void WritePoint(Utf8JsonWriter json, ParsedPoint point)
    {
        json.WriteStartObject();
        json.WriteString("measurement", point.Measurement);
        WriteTexts(json, "tags", point.Tags);
        json.WriteStartObject("fields");
        foreach (var (name, value) in point.Fields)
        {
            json.WritePropertyName(name);
            switch (value.Kind)
            {
                case FieldKind.Float:
                    json.WriteNumberValue(value.Float);
                    break;
                case FieldKind.Integer:
                    json.WriteNumberValue(value.Integer);
                    break;
                case FieldKind.Unsigned:
                    json.WriteNumberValue(value.Unsigned);
                    break;
                case FieldKind.Boolean:
                    json.WriteBooleanValue(value.Boolean);
                    break;
                default:
                    json.WriteStringValue(value.Text);
                    break;
            }
        }

        json.WriteEndObject();
        if (point.TimestampNs is { } at)
        {
            json.WriteNumber("timestamp", at);
        }
        else
        {
            json.WriteNull("timestamp");
        }

        json.WriteEndObject();
    }

    private static void WriteGauges(Utf8JsonWriter json, LoggedGauges logged)
    {
        var gauges = logged.Gauges;
        json.WriteStartObject();
        json.WriteNumber("line", logged.Line);
        json.WriteString("model", gauges.Series.Model);
        json.WriteString("at", gauges.At);
        WriteNumber(json, "running", gauges.Running);
        WriteNumber(json, "waiting", gauges.Waiting);
        WriteNumber(json, "kv_cache_percent", gauges.KvCachePercent);
        json.WriteEndObject();
    }

    private static void WriteRequest(Utf8JsonWriter json, LoggedRequest logged)
    {
        var request = logged.Request;
        json.WriteStartObject();
        json.WriteNumber("line", logged.Line);
        json.WriteString("model", request.Series.Model);
        json.WriteString("task", request.Series.Task);
        json.WriteString("variant", request.Series.Variant);
        json.WriteString("completed_at", request.CompletedAt);
        json.WriteString("outcome", JsonNamingPolicy.SnakeCaseLower.ConvertName(request.Outcome.ToString()));
        WriteNumber(json, "duration_s", request.DurationSeconds);
        WriteNumber(json, "ttft_s", request.TtftSeconds);
        json.WriteNumber("input_tokens", request.InputTokens);
        json.WriteNumber("output_tokens", request.OutputTokens);
        json.WriteEndObject();
    }

    private static void WriteGpu(Utf8JsonWriter json, GpuSample gpu)
    {
        json.WriteStartObject();
        json.WriteString("gpu", gpu.Gpu);
        json.WriteNumber("index", gpu.Index);
        json.WriteString("gpu_name", gpu.Name);
        WriteTexts(json, "values", GpuTableReading.ValuesOf(gpu).Select(v => KeyValuePair.Create(v.Name, v.Value)));
        json.WriteEndObject();
    }

    private static void WriteLook(Utf8JsonWriter json, PageLook look)
    {
        json.WriteStartObject("looks_like");
        json.WriteString("kind", look.Kind);
        json.WriteString("text", look.Text);
        WriteArray(json, "maps_to", look.Values, static (j, value) =>
        {
            j.WriteStartObject();
            j.WriteString("of", value.Of);
            j.WriteString("name", value.Name);
            j.WriteString("value", value.Value);
            j.WriteEndObject();
        });
        json.WriteNumber("unusable", look.Skipped);
        json.WriteEndObject();
    }

    private static void WriteSkipped(Utf8JsonWriter json, SkippedInput skipped)
    {
        json.WriteStartObject();
        json.WriteNumber("line", skipped.Line);
        if (skipped.Column is { } column)
        {
            json.WriteNumber("column", column);
        }

        json.WriteString("reason", skipped.Reason);
        json.WriteString("text", skipped.Text);
        json.WriteEndObject();
    }

    private static void WriteArray<T>(Utf8JsonWriter json, string name, IEnumerable<T> items, Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
        {
            write(json, item);
        }

        json.WriteEndArray();
    }

    // Of a name given twice the last value stands, as a reader of JSON would have it.
    private static void WriteTexts(Utf8JsonWriter json, string name, IEnumerable<KeyValuePair<string, string>> texts)
    {
        json.WriteStartObject(name);
        foreach (var group in texts.GroupBy(t => t.Key, StringComparer.Ordinal))
        {
            json.WriteString(group.Key, group.Last().Value);
        }

        json.WriteEndObject();
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, double? value)
    {
        switch (value)
        {
            case null:
                json.WriteNull(name);
                break;
            case { } number when double.IsFinite(number):
                json.WriteNumber(name, number);
                break;
            case { } number:
                json.WriteString(name, NumberText(number));
                break;
        }
    }

    internal static string NumberText(double number) =>
        double.IsNaN(number) ? "NaN"
        : double.IsPositiveInfinity(number) ? "+Inf"
        : double.IsNegativeInfinity(number) ? "-Inf"
        : number.ToString(CultureInfo.InvariantCulture);
}
