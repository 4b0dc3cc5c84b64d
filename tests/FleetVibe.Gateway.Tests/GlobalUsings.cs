global using FleetVibe.Gateway.Outbox;
global using FleetVibe.Gateway.Points;
global using FleetVibe.Gateway.RollUps;
global using FleetVibe.Gateway.Store;
global using FleetVibe.Protocol.V1;
global using FleetVibe.Protocol.Windows;
global using Microsoft.Extensions.Time.Testing;
