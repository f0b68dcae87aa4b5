// What a service with files wants of its loop, and what it hears of them. Media is one; api keeps the queue of webhooks.

import Media
import RPC

/// An order about files; the sockets in it are clients.
public enum DiskEffect: Equatable, Sendable {
    /// To the store, which answers with `DiskEvent.done`.
    case order(MediaOrder)
    /// Behind what was written to the socket: bytes of a file. Then the file is closed, and `DiskEvent.sent` says so.
    case send(SocketID, FileHandle, offset: UInt64, count: UInt64)
    /// Whether bytes of the socket wait in the kernel instead of coming here.
    case pause(SocketID, Bool)
    case close(FileHandle)
    /// To the queue of webhooks or to whoever posts, who answer with `DiskEvent.hook`.
    case hook(HookOrder)
}

/// News of these.
public enum DiskEvent: Equatable, Sendable {
    case done(MediaOutcome)
    case sent(SocketID)
    case hook(HookOutcome)
}
