using System.Globalization;
using FleetVibe.Agent.Sources.Dcgm;
using FleetVibe.Agent.Sources.Engines;
using FleetVibe.Agent.Sources.Http;
using FleetVibe.Agent.Sources.VibeThinker;

namespace FleetVibe.Agent.Sources.Reading;

/// <summary>One figure that an agent takes from a page.</summary>
/// <param name="Of">Whose it is: model and task, or a GPU.</param>
/// <param name="Name">The field's name in the points.</param>
/// <param name="Value">In the field's unit; a counter's stands since its server's start.</param>
public sealed record MappedValue(string Of, string Name, string Value);

/// <summary>What a page looks like to an agent.</summary>
/// <param name="Kind">The kind of source that reads it; null where none does.</param>
/// <param name="Text">One line for a user.</param>
public sealed record PageLook(string? Kind, string Text)
{
    public IReadOnlyList<MappedValue> Values { get; init; } = [];

    /// <summary>Samples and lines of known families that cannot be used.</summary>
    public long Skipped { get; init; }
}

/// <summary>Recognises the server behind a page and shows what its adapter takes from it.</summary>
public static class PageReading
{
    private static readonly Func<FetchedPage, PageLook?>[] Recognisers = [Engine, Dcgm, Summary];

    /// <summary>Never throws; a page that no adapter knows has no kind.</summary>
    /// <param name="body">Decompressed.</param>
    /// <param name="at">When it was read.</param>
    public static PageLook Look(ReadOnlyMemory<byte> body, DateTimeOffset at)
    {
        var page = new FetchedPage(body, MediaType: null, at);
        return Recognisers.Select(recognise => recognise(page)).FirstOrDefault(look => look is not null)
            ?? new PageLook(null, "no server whose figures FleetVibe takes");
    }

    private static PageLook? Engine(FetchedPage page)
    {
        if (EngineRecognition.Read(page.Body) is not var (engine, figures, skipped))
        {
            return null;
        }

        var families = engine.Families.Count == 0 ? "none of its families is read" : string.Join(", ", engine.Families.Select(f => $"{f.Family} gives {f.Figure}"));
        return new PageLook(engine.Kind, $"{engine.Product}: {engine.Why}; {families}")
        {
            Values = [.. figures.Select(f => new MappedValue(f.Model, f.Figure, Text(f.Value)))],
            Skipped = skipped,
        };
    }

    private static PageLook? Dcgm(FetchedPage page)
    {
        var read = DcgmPage.Read(page);
        return read.Samples == 0 ? null : new PageLook("dcgm", $"a DCGM exporter with {read.Gpus.Count} GPU(s)")
        {
            Values = [.. read.Gpus.SelectMany(GpuTableReading.ValuesOf)],
            Skipped = read.Skipped,
        };
    }

    private static PageLook? Summary(FetchedPage page)
    {
        var figures = SummaryMap.Figures(new Dictionary<string, string>());
        return SummaryBody.Read(page.Body, figures) is { } body && figures.Any(f => f.Name != SummaryMap.StartTime && body.Has(f))
            ? new PageLook("vibethinker", "a VibeThinker script's JSON summary")
            {
                Values = [.. Given($"{VibeThinkerAdapter.DefaultModel}, {VibeThinkerAdapter.DefaultTask}", [.. figures.Select(f => (f.Name, Text(body[f])))])],
                Skipped = figures.Count(f => body.Has(f) && body[f] is null),
            }
            : null;
    }

    internal static IEnumerable<MappedValue> Given(string of, params (string Name, string Value)[] values) =>
        values.Where(v => v.Value.Length > 0).Select(v => new MappedValue(of, v.Name, v.Value));

    internal static string Text(IFormattable? value) => value?.ToString(null, CultureInfo.InvariantCulture) ?? "";
}
