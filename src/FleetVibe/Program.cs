using FleetVibe.Verbs;

return await CommandLine.InvokeAsync(args);
