using Microsoft.Extensions.Logging;

namespace FleetVibe.Gateway.Tests.Delivery;

/// <summary>Keeps the lines of a log.</summary>
internal sealed class CollectingLogger<T> : ILogger<T>
{
    internal List<string> Lines { get; } = [];

    internal List<Exception> Exceptions { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (Lines)
        {
            Lines.Add($"{logLevel}: {formatter(state, exception)}");
            Exceptions.AddRange(exception is null ? [] : [exception]);
        }
    }
}
