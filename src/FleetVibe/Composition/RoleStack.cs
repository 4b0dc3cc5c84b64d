using System.Net.Sockets;

namespace FleetVibe.Composition;

/// <summary>A role could not start; the message says which, why, and what to do.</summary>
internal sealed class RoleStartException(string role, string problem, Exception cause) : Exception($"{role} could not start: {problem}", cause);

/// <summary>The hosts of a process in their order of start; they stop in reverse. Thread safe.</summary>
internal sealed class RoleStack(TextWriter error) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly List<(string Role, IHost Host)> _started = [];
    private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _stopping;

    /// <summary>The first role that ended without being told to.</summary>
    public Task<string> Ended => _ended.Task;

    /// <summary>Whether the roles are being stopped.</summary>
    public bool IsStopping => _stopping;

    /// <exception cref="RoleStartException">The host could not be built or started; what was started goes on.</exception>
    public async Task<IHost> StartAsync(string role, Func<string, IHost> create, CancellationToken cancellationToken)
    {
        IHost? host = null;
        try
        {
            host = create(role);
            await host.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            await DisposeAsync(host);
            throw new RoleStartException(role, ProblemOf(e), e);
        }
        catch
        {
            await DisposeAsync(host);
            throw;
        }

        host.Services.GetRequiredService<HostState>().HasStarted = true;
        host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(() =>
        {
            if (!_stopping)
            {
                _ended.TrySetResult(role);
            }
        });
        lock (_lock)
        {
            _started.Add((role, host));
        }

        return host;
    }

    /// <summary>Stops what was started, last first. A host that fails to stop is named and does not hold up the others.</summary>
    public async Task StopAsync()
    {
        _stopping = true;
        while (Pop() is { } last)
        {
            try
            {
                using var limit = new CancellationTokenSource(RoleBuilders.ShutdownTimeout + TimeSpan.FromSeconds(2));
                await last.Host.StopAsync(limit.Token);
            }
            catch (Exception e)
            {
                await error.WriteLineAsync($"{last.Role} did not stop in order: {e.Message}");
            }

            await DisposeAsync(last.Host);
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private (string Role, IHost Host)? Pop()
    {
        lock (_lock)
        {
            if (_started.Count == 0)
            {
                return null;
            }

            var last = _started[^1];
            _started.RemoveAt(_started.Count - 1);
            return last;
        }
    }

    private static async Task DisposeAsync(IHost? host)
    {
        if (host is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
        else
        {
            host?.Dispose();
        }
    }

    /// <summary>Whether a start failed because another process has the port.</summary>
    public static bool IsPortTaken(Exception e) =>
        e is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }
        || e is Microsoft.AspNetCore.Connections.AddressInUseException
        || (e.InnerException is { } inner && IsPortTaken(inner));

    private static string ProblemOf(Exception e) =>
        IsPortTaken(e) ? $"{e.Message.TrimEnd('.')}. Stop the process that has the port, or write another listen" : e.Message;
}
