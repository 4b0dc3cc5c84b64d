namespace FleetVibe.Metrics.Windows;

/// <summary>Name of one fleet series.</summary>
/// <param name="Model">As the source or its configuration names it.</param>
/// <param name="Task">What the model is used for; <c>default</c> where nothing says.</param>
/// <param name="Variant">Prompt version, LoRA or A/B arm; empty where none is configured.</param>
public sealed record SeriesId(string Model, string Task, string Variant = "")
{
    /// <summary>Model and task of the series that takes what the cap on series turned away.</summary>
    public const string Other = "other";

    public override string ToString() => Variant.Length == 0 ? $"{Model}/{Task}" : $"{Model}/{Task}/{Variant}";
}
