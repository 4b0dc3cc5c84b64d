namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>Waits for other processes: polls a condition; the limit only bounds a failing test.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    public static Task Holds(Func<bool> condition, TimeSpan limit, Func<string> message) =>
        Holds(() => Task.FromResult(condition()), limit, message);

    public static async Task Holds(Func<Task<bool>> condition, TimeSpan limit, Func<string> message)
    {
        var time = TimeProvider.System;
        var start = time.GetTimestamp();
        while (!await condition())
        {
            if (time.GetElapsedTime(start) > limit)
            {
                throw new TimeoutException($"not within {limit}: {message()}");
            }

            await Task.Delay(Pause, time);
        }
    }
}
