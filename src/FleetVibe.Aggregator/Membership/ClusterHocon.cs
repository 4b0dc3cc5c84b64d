using System.Globalization;

namespace FleetVibe.Aggregator.Membership;

/// <summary>What the typed options cannot say. The times were chosen by measurement: docs/failover.md. A tighter one costs availability at most; two owners of one window cannot both win.</summary>
internal static class ClusterHocon
{
    /// <param name="seeds">Number of seed members; 0 means this member alone.</param>
    /// <param name="isStrict">Whether a type without a serializer is an error. Not in tests that serialise local messages too.</param>
    public static string Text(int seeds, bool isStrict = true) => string.Create(CultureInfo.InvariantCulture, $$"""
        akka {
          coordinated-shutdown.run-by-clr-shutdown-hook = off
          coordinated-shutdown.exit-clr = off
          scheduler.tick-duration = 50ms
          actor.ask-timeout = 5s
          actor.serialization-settings.allow-unregistered-types = {{(isStrict ? "off" : "on")}}
          log-dead-letters-during-shutdown = off
          stdout-logger-class = "{{typeof(SilentLogger).FullName}}, {{typeof(SilentLogger).Assembly.GetName().Name}}"
          remote.dot-netty.tcp {
            maximum-frame-size = 1048576b
            send-buffer-size = 2097152b
            receive-buffer-size = 2097152b
          }
          remote.log-frame-size-exceeding = 131072b
          cluster {
            scheduler.tick-duration = 50ms
            retry-unsuccessful-join-after = 2s
            down-removal-margin = 1s
            split-brain-resolver {
              stable-after = 3s
              down-all-when-unstable = 15s
            }
            role.aggregator.min-nr-of-members = {{(seeds / 2) + 1}}
            sharding {
              state-store-mode = ddata
              remember-entities = off
              passivate-idle-entity-after = off
              buffer-size = 4000
              retry-interval = 1s
              handoff-timeout = 20s
              distributed-data.durable.keys = []
              least-shard-allocation-strategy {
                rebalance-absolute-limit = 20
                rebalance-relative-limit = 0.34
              }
            }
            distributed-data.durable.keys = []
          }
        }
        """);
}
