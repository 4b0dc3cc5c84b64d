using System.Text.Json;
using FleetVibe.EndToEnd.Tests.Infrastructure;
using FleetVibe.Simulator.Traffic;
using Microsoft.Playwright;

namespace FleetVibe.EndToEnd.Tests;

/// <summary>The first thing that a newcomer runs, and the page that it shows.</summary>
public class DemoTests
{
    [Fact]
    public async Task The_demo_ends_with_a_balanced_ledger_and_the_whole_truth()
    {
        using var folder = new TemporaryFolder();
        var truthPath = Path.Combine(folder.Path, "truth.jsonl");
        await using var demo = Binary.Start("demo", "demo", "--for", "15s", "--seed", "7", "--nodes", "3", "--truth", truthPath, "--listen", "127.0.0.1:0");

        Assert.True(await demo.WaitForExitAsync(TimeSpan.FromMinutes(3)) == 0, demo.Output);
        Assert.Contains("the ledger balances, and every percentile is within its bound", demo.Output, StringComparison.Ordinal);
        var truth = Truth.Read(truthPath);
        Assert.Equal(3, truth.Requests.Select(r => r.Node).Distinct().Count());
        Assert.Contains($"Telegraf: {truth.Count} requests in vibe_fleet", demo.Output, StringComparison.Ordinal);
    }

    [RequiresChromiumFact]
    public async Task The_page_shows_open_and_committed_windows_and_every_node_without_an_error()
    {
        await using var demo = Binary.Start("demo", "demo", "--listen", "127.0.0.1:0");
        await demo.WaitForOutputAsync("page ", TimeSpan.FromMinutes(1));
        var address = demo.Output.Split('\n').First(line => line.StartsWith("page ", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = RequiresChromiumFactAttribute.Executable,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
        var page = await browser.NewPageAsync();
        page.SetDefaultTimeout(60_000);
        var errors = new List<string>();
        page.PageError += (_, error) => errors.Add(error);
        page.Console += (_, message) => errors.AddRange(message.Type == "error" ? [message.Text] : []);
        await page.GotoAsync(address);

        await page.Locator(".badge.open-badge").First.WaitForAsync();
        await page.Locator(".badge.committed").First.WaitForAsync();
        await page.Locator(".card .badge.reporting").Nth(2).WaitForAsync();
        Assert.Contains("as aggregator-", await page.Locator("#status").InnerTextAsync(), StringComparison.Ordinal);
        Assert.Contains("vibethinker-1.5b", await page.Locator("#series h2").First.InnerTextAsync(), StringComparison.Ordinal);
        await page.SetViewportSizeAsync(400, 900);
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= 400"), "a narrow window scrolls sideways");
        Assert.Empty(errors);

        using var fleet = JsonDocument.Parse(await (await page.APIRequest.GetAsync(address + "/api/fleet")).TextAsync());
        Assert.Equal(3, fleet.RootElement.GetProperty("nodes").GetArrayLength());
        Assert.Equal(0, await demo.StopAsync());
    }
}
