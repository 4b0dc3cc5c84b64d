namespace FleetVibe.Agent.Sources.Gpus;

/// <summary>Runs the tool; the one thing that tests put something else for.</summary>
internal interface IToolProcess
{
    /// <summary>
    /// Runs the tool until it ends, and returns its exit code when it is gone for certain, so that the next may start.
    /// </summary>
    /// <param name="onLine">Gets each line of its output, from any thread, one at a time.</param>
    /// <param name="kill">Kills it with all its children; the task then still ends only when it is gone.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">It cannot be started.</exception>
    Task<int> RunAsync(string command, IReadOnlyList<string> arguments, Action<string> onLine, CancellationToken kill);
}
