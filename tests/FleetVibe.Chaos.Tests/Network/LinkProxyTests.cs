using System.Net;
using System.Net.Sockets;
using FleetVibe.Chaos.Network;
using Microsoft.Extensions.Time.Testing;

namespace FleetVibe.Chaos.Tests.Network;

public sealed class LinkProxyTests : IAsyncLifetime, IDisposable
{
    private static readonly byte[] Hello = "hello"u8.ToArray();

    private readonly LinkTable _links = new();
    private readonly FakeTimeProvider _time = new();
    private readonly Socket _server = Bound();
    private readonly Socket _caller = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private LinkProxy _proxy = null!;

    public Task InitializeAsync()
    {
        _server.Listen();
        _proxy = new LinkProxy(_links, (_, _) => "a", "b", PortOf(_server), _time);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _proxy.DisposeAsync();

    public void Dispose()
    {
        _caller.Dispose();
        _server.Dispose();
    }

    [Fact]
    public async Task Bytes_pass_both_ways_and_so_does_the_end()
    {
        using var callee = await ConnectAsync();
        await _caller.SendAsync(Hello);
        Assert.Equal(Hello, await ReadAsync(callee, Hello.Length));
        await callee.SendAsync(Hello);
        Assert.Equal(Hello, await ReadAsync(_caller, Hello.Length));

        _caller.Shutdown(SocketShutdown.Send);
        Assert.Empty(await ReadAsync(callee, 1));
    }

    [Fact]
    public async Task A_stalled_link_holds_the_bytes_and_brings_them_all_later()
    {
        using var callee = await ConnectAsync();
        _links.Set("a", "b", FlowState.Of(FlowMode.Stall));
        await _caller.SendAsync(Hello);

        // The other direction is not stalled: what comes back this way proves that the proxy had its turn.
        await callee.SendAsync(Hello);
        Assert.Equal(Hello, await ReadAsync(_caller, Hello.Length));
        Assert.Equal(0, callee.Available);

        _links.Set("a", "b", FlowState.Pass);
        Assert.Equal(Hello, await ReadAsync(callee, Hello.Length));
    }

    [Fact]
    public async Task A_delayed_chunk_waits_for_its_time()
    {
        using var callee = await ConnectAsync();
        _links.Set("a", "b", new FlowState(FlowMode.Delay, TimeSpan.FromSeconds(5)));
        await _caller.SendAsync(Hello);
        await callee.SendAsync(Hello);
        Assert.Equal(Hello, await ReadAsync(_caller, Hello.Length));
        Assert.Equal(0, callee.Available);

        var read = ReadAsync(callee, Hello.Length);
        while (!read.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            await Task.Yield();
        }

        Assert.Equal(Hello, await read);
    }

    [Fact]
    public async Task On_a_half_open_link_bytes_vanish_and_nobody_is_told_until_it_is_reset()
    {
        using var callee = await ConnectAsync();
        _links.Set("a", "b", FlowState.Of(FlowMode.HalfOpen));
        await _caller.SendAsync(Hello);
        _caller.Shutdown(SocketShutdown.Send);
        await callee.SendAsync(Hello);
        Assert.Equal(Hello, await ReadAsync(_caller, Hello.Length));
        await UntilLostAsync();
        Assert.Equal(0, callee.Available);

        _links.Set("a", "b", FlowState.Pass);
        await AssertResetAsync(callee);
    }

    [Fact]
    public async Task A_link_that_refuses_resets_what_is_open_and_what_comes()
    {
        using var callee = await ConnectAsync();
        _links.SetBoth("a", "b", FlowState.Of(FlowMode.Refuse));
        await AssertResetAsync(callee);
        await AssertResetAsync(_caller);

        using var next = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await AssertCallIsResetAsync(next);
    }

    [Fact]
    public async Task A_reset_ends_what_is_open_and_new_connections_are_welcome()
    {
        using var callee = await ConnectAsync();
        _links.Reset("b", "a");
        await AssertResetAsync(callee);

        using var next = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await next.ConnectAsync(IPAddress.Loopback, _proxy.Port);
        using var accepted = await _server.AcceptAsync();
        await next.SendAsync(Hello);
        Assert.Equal(Hello, await ReadAsync(accepted, Hello.Length));
    }

    [Fact]
    public async Task Where_nobody_listens_behind_the_caller_is_reset()
    {
        _server.Dispose();
        await AssertCallIsResetAsync(_caller);
    }

    [Fact]
    public async Task The_process_at_the_other_end_is_found_by_its_socket()
    {
        await _caller.ConnectAsync(new IPEndPoint(IPAddress.Loopback, PortOf(_server)));
        using var accepted = await _server.AcceptAsync();
        var end = (IPEndPoint)accepted.RemoteEndPoint!;

        Assert.Equal("me", ConnectionOwner.Find(end, PortOf(_server), [("init", 1), ("me", Environment.ProcessId)]));
        Assert.Null(ConnectionOwner.Find(end, PortOf(_server), [("gone", int.MaxValue)]));
    }

    private async Task<Socket> ConnectAsync()
    {
        await _caller.ConnectAsync(IPAddress.Loopback, _proxy.Port);
        var callee = await _server.AcceptAsync();

        // A byte that passed proves that the proxy knows the connection.
        await _caller.SendAsync(Hello.AsMemory(0, 1));
        Assert.Single(await ReadAsync(callee, 1));
        return callee;
    }

    private async Task UntilLostAsync()
    {
        while (!_links.HasLostBytes)
        {
            await Task.Yield();
        }
    }

    private static async Task<byte[]> ReadAsync(Socket socket, int length)
    {
        var bytes = new byte[length];
        var read = 0;
        while (read < length && await socket.ReceiveAsync(bytes.AsMemory(read)) is > 0 and var more)
        {
            read += more;
        }

        return bytes[..read];
    }

    private static async Task AssertResetAsync(Socket socket) =>
        Assert.Equal(SocketError.ConnectionReset, (await Assert.ThrowsAsync<SocketException>(() => ReadAsync(socket, 1))).SocketErrorCode);

    // The reset may be there before the caller has learnt that it is connected.
    private async Task AssertCallIsResetAsync(Socket caller)
    {
        var reset = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            await caller.ConnectAsync(IPAddress.Loopback, _proxy.Port);
            await ReadAsync(caller, 1);
        });
        Assert.Equal(SocketError.ConnectionReset, reset.SocketErrorCode);
    }

    private static int PortOf(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;

    private static Socket Bound()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }
}
