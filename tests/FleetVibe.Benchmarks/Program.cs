using System.Globalization;
using BenchmarkDotNet.Running;
using FleetVibe.Benchmarks;

// dotnet run -c Release --project tests/FleetVibe.Benchmarks -- --filter '*' [--job short]
// dotnet run -c Release --project tests/FleetVibe.Benchmarks -- proxy [requests]
if (args is ["proxy", ..])
{
    await ProxyLatency.RunAsync(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 2000);
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
}
