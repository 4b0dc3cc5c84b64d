using FleetVibe.Protocol.V1;

namespace FleetVibe.Protocol.Cluster;

/// <summary>The entity id of a series: model, task and variant, each escaped, with slashes between them. Reversible.</summary>
public static class SeriesEntityId
{
    public static string Of(SeriesKey series) =>
        $"{Uri.EscapeDataString(series.Model)}/{Uri.EscapeDataString(series.Task)}/{Uri.EscapeDataString(series.Variant)}";

    /// <exception cref="FormatException">Not made by <see cref="Of"/>.</exception>
    public static SeriesKey Parse(string entityId) =>
        entityId.Split('/') is [var model, var task, var variant]
            ? new SeriesKey { Model = Uri.UnescapeDataString(model), Task = Uri.UnescapeDataString(task), Variant = Uri.UnescapeDataString(variant) }
            : throw new FormatException($"\"{entityId}\" is no series id");
}
