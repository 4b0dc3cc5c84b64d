using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using FleetVibe.Agent.Sources.Gpus;

namespace FleetVibe.Agent.Sources.NvidiaSmi;

/// <summary>
/// <c>nvidia-smi -q -x</c>, of which only it has what is read here: processes by MIG instance, and the memory of the
/// instances. It costs ten to a hundred times what CSV does. Its DTD is never fetched.
/// </summary>
internal sealed class GpuXml
{
    private const int MaxCharacters = 64 << 20;

    private GpuXml()
    {
    }

    /// <summary>UUIDs.</summary>
    internal List<string> Boards { get; } = [];

    /// <summary>MIG instances, each with the index of its board.</summary>
    internal List<GpuSample> Instances { get; } = [];

    internal List<GpuProcess> Processes { get; } = [];

    /// <summary>Null where the text is no such log.</summary>
    internal static GpuXml? Read(string text, DateTimeOffset at)
    {
        XDocument document;
        try
        {
            var start = text.IndexOf('<', StringComparison.Ordinal);
            using var reader = XmlReader.Create(
                new StringReader(start > 0 ? text[start..] : text),
                new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore, XmlResolver = null, MaxCharactersInDocument = MaxCharacters });
            document = XDocument.Load(reader);
        }
        catch (XmlException)
        {
            return null;
        }

        if (document.Root is not { Name.LocalName: "nvidia_smi_log" } root)
        {
            return null;
        }

        var log = new GpuXml();
        var index = 0;
        foreach (var gpu in root.Elements("gpu"))
        {
            log.Add(gpu, index++, at);
        }

        return log;
    }

    private void Add(XElement gpu, int index, DateTimeOffset at)
    {
        var uuid = Text(gpu, "uuid");
        if (uuid.Length == 0)
        {
            return;
        }

        Boards.Add(uuid);
        var instances = AddInstances(gpu, uuid, Text(gpu, "product_name"), index, at);
        AddProcesses(gpu, uuid, instances);
    }

    // A device of the list is a compute instance; the memory is its GPU instance's.
    private Dictionary<(string Gpu, string Compute), string> AddInstances(XElement gpu, string uuid, string name, int index, DateTimeOffset at)
    {
        var instances = new Dictionary<(string Gpu, string Compute), string>();
        foreach (var device in gpu.Element("mig_devices")?.Elements("mig_device") ?? [])
        {
            var (gpuInstance, computeInstance) = (Text(device, "gpu_instance_id"), Text(device, "compute_instance_id"));

            // The name that drivers before 470 gave to instances; the UUIDs of later ones are not in this log.
            var id = $"MIG-{uuid}/{gpuInstance}/{computeInstance}";
            instances[(gpuInstance, computeInstance)] = id;
            Instances.Add(new GpuSample(id, index, $"{name} MIG {gpuInstance}/{computeInstance}", at)
            {
                MemoryUsedBytes = Bytes(device, "fb_memory_usage", "used"),
                MemoryTotalBytes = Bytes(device, "fb_memory_usage", "total"),
                EccUncorrected = ToolNumber.Count(Number(device.Element("ecc_error_count")?.Element("volatile_count"), "sram_uncorrectable")),
            });
        }

        return instances;
    }

    private void AddProcesses(XElement gpu, string uuid, Dictionary<(string Gpu, string Compute), string> instances)
    {
        foreach (var process in gpu.Element("processes")?.Elements("process_info") ?? [])
        {
            if (int.TryParse(Text(process, "pid"), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && pid > 0)
            {
                var where = instances.GetValueOrDefault((Text(process, "gpu_instance_id"), Text(process, "compute_instance_id")), uuid);
                Processes.Add(new GpuProcess(where, pid, Text(process, "process_name"), Bytes(process, "used_memory")));
            }
        }
    }

    private static string Text(XElement? parent, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            parent = parent?.Element(name);
        }

        var text = parent?.Value.Trim() ?? "";
        return text == "N/A" ? "" : text.ReplaceLineEndings(" ");
    }

    private static double? Number(XElement? parent, params ReadOnlySpan<string> path)
    {
        var text = Text(parent, path);
        var unit = text.IndexOf(' ', StringComparison.Ordinal);
        return ToolNumber.Of(unit < 0 ? text : text[..unit]);
    }

    private static long? Bytes(XElement? parent, params ReadOnlySpan<string> path) =>
        Text(parent, path).EndsWith("MiB", StringComparison.Ordinal) && Number(parent, path) is { } mebibytes ? ToolNumber.Bytes(mebibytes, 1 << 20) : null;
}
