namespace FleetVibe.EndToEnd.Tests.Infrastructure;

/// <summary>Disposes what was added, last first.</summary>
internal sealed class AsyncDisposables : IAsyncDisposable
{
    private readonly Stack<IAsyncDisposable> _added = new();

    public T Add<T>(T item)
        where T : IAsyncDisposable
    {
        _added.Push(item);
        return item;
    }

    public async ValueTask DisposeAsync()
    {
        while (_added.TryPop(out var item))
        {
            await item.DisposeAsync();
        }
    }
}
