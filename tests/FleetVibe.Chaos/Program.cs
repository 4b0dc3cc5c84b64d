using FleetVibe.Chaos.Command;

return await ChaosCommand.InvokeAsync(args);
