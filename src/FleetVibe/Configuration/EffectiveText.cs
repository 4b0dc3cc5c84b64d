using System.Text;
using FleetVibe.Configuration.Values;

namespace FleetVibe.Configuration;

/// <summary>The settings in force as TOML, each with where it came from; secrets are hidden.</summary>
internal static class EffectiveText
{
    private const int CommentColumn = 56;

    public static string Of(IReadOnlyList<SectionValues> sections)
    {
        var text = new StringBuilder();
        foreach (var section in sections)
        {
            var values = section.All.ToList();
            if (values.Count == 0 && !section.Spec.IsList)
            {
                continue;
            }

            text.Append(text.Length == 0 ? "" : "\n").Append(section.Header).Append('\n');
            foreach (var value in values)
            {
                var line = $"{value.Key.Name} = {value.Key.Type.Show(value.Value)}";
                text.Append(line.PadRight(CommentColumn)).Append(" # ").Append(value.Why ?? value.Origin?.ToString() ?? "default").Append('\n');
            }
        }

        return text.ToString();
    }
}
