using System.Collections;
using System.Reflection;
using FleetVibe.Protocol.Transport;

namespace FleetVibe.Agent.Changing;

/// <summary>
/// Whether two settings mean the same. Records compare their lists and tables by reference, so that the same file read
/// twice would differ; here they are compared by what is in them.
/// </summary>
public static class SettingsEquality
{
    public static bool Same(object? one, object? other)
    {
        if (one is null || other is null)
        {
            return one is null && other is null;
        }

        // A list is what is in it, whatever type holds it.
        if (one.GetType() != other.GetType() && (one is not IList || other is not IList))
        {
            return false;
        }

        return one switch
        {
            BearerToken token => token.IsSameAs((BearerToken)other),
            string => one.Equals(other),
            IDictionary table => SameTables(table, (IDictionary)other),
            IEnumerable list => SameLists(list.Cast<object?>().ToList(), ((IEnumerable)other).Cast<object?>().ToList()),
            _ when IsRecord(one.GetType()) => PropertiesOf(one).All(property => Same(property.GetValue(one), property.GetValue(other))),
            _ => one.Equals(other),
        };
    }

    // Others say themselves what equals them, and their properties are not made to be read (an IPv4 address has no scope).
    private static bool IsRecord(Type type) => type.GetMethod("<Clone>$") is not null;

    private static bool SameTables(IDictionary one, IDictionary other) =>
        one.Count == other.Count && one.Keys.Cast<object>().All(key => other.Contains(key) && Same(one[key], other[key]));

    private static bool SameLists(List<object?> one, List<object?> other) =>
        one.Count == other.Count && one.Zip(other).All(pair => Same(pair.First, pair.Second));

    private static IEnumerable<PropertyInfo> PropertiesOf(object settings) =>
        settings.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.GetIndexParameters().Length == 0);
}
