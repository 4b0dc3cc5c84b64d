namespace FleetVibe.Gateway.Store;

/// <summary>The disk or the configured limit is full. Nothing was written; the same work succeeds once there is room.</summary>
internal sealed class StoreFullException(string message, Exception? inner) : Exception(message, inner);

/// <summary>The file is damaged. The next start sets it aside.</summary>
internal sealed class StoreDamagedException(string message, Exception? inner) : Exception(message, inner);

/// <summary>The store cannot be run as it must be; the message says why and what helps.</summary>
internal sealed class StoreUnusableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The store stops, holds more waiting work than it takes, or its server cannot be reached. Where a connection broke at a COMMIT
/// nobody knows whether that took effect.
/// </summary>
internal sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
