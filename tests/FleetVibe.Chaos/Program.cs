using FleetVibe.Chaos.CommandLine;

return await ChaosCommand.InvokeAsync(args);
