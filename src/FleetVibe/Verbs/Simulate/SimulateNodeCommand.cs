using System.CommandLine;
using FleetVibe.Protocol.Transport;
using FleetVibe.Simulator.Certificates;
using FleetVibe.Simulator.Nodes;
using FleetVibe.Simulator.Traffic;

namespace FleetVibe.Verbs.Simulate;

/// <summary><c>simulate node</c>: a model server with its log, its pages, its GPU tool, and the truth about it.</summary>
internal static class SimulateNodeCommand
{
    public static Command Create()
    {
        var folder = new Option<string>("--dir") { Description = "Folder of log, token, certificate and GPU tool; kept.", HelpName = "DIR", Required = true };
        var name = ValueOptions.WithDefault("--name", "Name of the node in the truth.", "node-1");
        var seed = ValueOptions.WithDefault("--seed", "Seed of the requests.", 1);
        var listen = ValueOptions.Listen("--listen", "Where its pages are; a port on loopback that the system chooses.");
        var names = new Option<string[]>("--certificate-name") { Description = "A further name of its certificate.", HelpName = "NAME" };
        var rate = ValueOptions.WithDefault("--rate", "Mean requests a second, at least 5.", 5.0);
        var model = ValueOptions.WithDefault("--model", "The model.", "vibethinker-1.5b");
        var task = ValueOptions.WithDefault("--task", "The task.", "algorithm_reasoning");
        var latency = ValueOptions.WithDefault("--latency", $"How long requests take ({string.Join(", ", LatencyProfile.All.Select(p => p.Name))}).", LatencyProfile.Usual.Name);
        var vllm = ValueOptions.Choice("--vllm", "Whose metric names the page has", VllmVersion.V0_10_1);
        var expect = ValueOptions.Choice("--expect", "Readers that traffic waits for, separated by commas", ExpectedReaders.Metrics);
        var rotate = new Option<int?>("--rotate-every") { Description = "Lines after which the log is rotated.", HelpName = "LINES" };
        var gpus = ValueOptions.WithDefault("--gpus", "GPUs that the tool shows.", 1);
        var truth = new Option<string?>("--truth") { Description = "File that gets the truth; several nodes may share one.", HelpName = "FILE" };
        var fault = ValueOptions.Choice("--fault", "What the pages do wrong", NodeFault.None);
        var limit = ValueOptions.Duration("--for", "Stops after this time; without it on Ctrl-C.");
        var command = new Command("node", "A simulated GPU node: vLLM's page and a JSON summary over HTTPS, a request log, a stand-in for nvidia-smi.")
        {
            folder, name, seed, listen, names, rate, model, task, latency, vllm, expect, rotate, gpus, truth, fault, limit,
        };
        command.SetAction((result, _) => SimulateCommand.RunAsync(stop => RunAsync(
            () => new SimulatedNodeSettings
            {
                Directory = result.GetRequiredValue(folder),
                Name = result.GetRequiredValue(name),
                Seed = result.GetValue(seed),
                Listen = result.GetValue(listen) ?? ListenAddress.Ephemeral,
                CertificateNames = result.GetValue(names) ?? [],
                RequestsPerSecond = result.GetValue(rate),
                Model = result.GetRequiredValue(model),
                Task = result.GetRequiredValue(task),
                Latency = LatencyProfile.Find(result.GetRequiredValue(latency))
                    ?? throw new ArgumentException($"--latency: \"{result.GetValue(latency)}\" is not known: valid are {string.Join(", ", LatencyProfile.All.Select(p => p.Name))}"),
                Vllm = result.GetValue(vllm),
                ExpectedReaders = result.GetValue(expect),
                LogRotateEvery = result.GetValue(rotate),
                GpuCount = result.GetValue(gpus),
                TruthPath = result.GetValue(truth),
            },
            result.GetValue(fault), result.GetValue(limit), stop)));
        return command;
    }

    private static async Task RunAsync(Func<SimulatedNodeSettings> settings, NodeFault fault, TimeSpan? limit, CancellationToken stop)
    {
        await using var node = await SimulatedNode.StartAsync(settings(), TimeProvider.System, stop);
        node.Fault = fault;
        await Console.Out.WriteLineAsync($"""
            metrics     {node.MetricsEndpoint}
            summary     {node.SummaryEndpoint}
            ca_file     {node.CaFile}
            token_file  {node.TokenFile}
            log         {node.LogPath}
            nvidia_smi  {node.NvidiaSmi}
            truth       {node.TruthPath}
            running; traffic begins once {node.MissingReaders} has read
            """);
        await SimulateCommand.WaitAsync(limit, stop);
        await node.StopTrafficAsync();
        await Console.Out.WriteLineAsync($"finished    {node.RequestsFinished} requests");
    }
}
