using System.Reflection;
using System.Runtime.CompilerServices;
using Akka.Actor;

namespace FleetVibe.Architecture.Tests;

/// <summary>Rules that hold in every room with actors, and against mutable process-wide state in all of them.</summary>
public class ActorTests
{
    private static readonly string[] RoomsWithActors = ["FleetVibe.Agent", "FleetVibe.Aggregator"];

    private static readonly string[] AllRooms =
        ["FleetVibe.Metrics", "FleetVibe.Protocol", "FleetVibe.Agent", "FleetVibe.Aggregator", "FleetVibe.Gateway", "FleetVibe.Dashboard", "FleetVibe.Simulator", "fleetvibe"];

    [Fact]
    public void Actors_are_internal_sealed_and_end_in_Actor_or_Entity()
    {
        var actors = RoomsWithActors.SelectMany(room => Assembly.Load(room).GetTypes()).Where(t => typeof(ActorBase).IsAssignableFrom(t) && !t.IsAbstract).ToList();

        Assert.NotEmpty(actors);
        Assert.Empty(actors.Where(t => t.IsVisible || !t.IsSealed || !(t.Name.EndsWith("Actor", StringComparison.Ordinal) || t.Name.EndsWith("Entity", StringComparison.Ordinal)))
            .Select(t => t.FullName));
    }

    [Fact]
    public void No_room_keeps_mutable_state_for_the_whole_process()
    {
        var mutable = AllRooms.SelectMany(room => Assembly.Load(room).GetTypes())
            .Where(t => t.Namespace?.StartsWith("FleetVibe", StringComparison.Ordinal) == true && !t.IsDefined(typeof(CompilerGeneratedAttribute), false))
            .Where(t => !IsGenerated(t))
            .SelectMany(t => t.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Where(f => !f.IsInitOnly && !f.IsLiteral && !f.IsDefined(typeof(CompilerGeneratedAttribute), false))
            .Select(f => $"{f.DeclaringType!.FullName}.{f.Name}");

        Assert.Empty(mutable);
    }

    private static bool IsGenerated(Type type) =>
        type.Namespace is "FleetVibe.Protocol.V1" or "FleetVibe.Agent.Spool.V1" || type.Name.StartsWith('<') || type.Name.StartsWith("__", StringComparison.Ordinal)
        || type.DeclaringType is { } outer && IsGenerated(outer);
}
