// What the loop remembers of one socket: 24 bytes, and a buffer only while something waits to be sent.
//
// A gateway holds tens of thousands of connections that are silent nearly always. So a socket is a row in a table indexed by
// its descriptor, not an object, and an idle one owns no memory of its own.

import Primitives
import RPC

/// Who is on the other side.
package enum SocketKind: UInt8 {
    case peer
    case client
    case admin

    /// Bytes waiting beyond which the other side counts as congested, and beyond which it is cut.
    var queueBytes: (soft: Int, max: Int) {
        switch self {
        case .peer: (RPCLimits.sendQueueBytesSoft, RPCLimits.sendQueueBytesMax)
        case .client: (ServiceLimits.clientQueueBytesSoft, ServiceLimits.clientQueueBytesMax)
        case .admin: (ServiceLimits.adminQueueBytesMax, ServiceLimits.adminQueueBytesMax)
        }
    }
}

struct SocketSlot {
    enum Phase: UInt8 {
        /// No socket has this descriptor. Then: connecting or open.
        case free
        /// Dialled; not decided yet. Then: open, or free.
        case connecting
        /// Bytes go both ways. Then: flushing, or free.
        case open
        /// Ordered to close: what waits is still sent, what comes in is thrown away. Then: lingering, or free.
        case flushing
        /// Everything is sent and the other side knows that it was the end; its own end is awaited, because closing with
        /// unread bytes would make the kernel send a reset that destroys our last words on their way. Then: free.
        case lingering
    }

    /// `SocketID`, 0 in a free slot.
    var id: UInt64 = 0
    /// Bytes that the kernel has not taken yet, from `sentBytes` on.
    var outbound: [UInt8] = []
    /// Bytes of `outbound` that are gone already.
    var sentBytes: UInt32 = 0
    var kind = SocketKind.peer
    var phase = Phase.free
    /// Something was written or the close was ordered in this tick.
    var isTouched = false
    private var flags: UInt8 = 0

    var waitingBytes: Int { outbound.count - Int(sentBytes) }

    /// epoll tells when the socket takes bytes again.
    var wantsWritable: Bool {
        get { flags & 1 != 0 }
        set { flags = newValue ? flags | 1 : flags & ~1 }
    }

    /// Over the soft bound, and the owner knows.
    var isCongested: Bool {
        get { flags & 2 != 0 }
        set { flags = newValue ? flags | 2 : flags & ~2 }
    }

    /// Speaks TLS, see `SocketsTLS.swift`.
    var isSecured: Bool {
        get { flags & 4 != 0 }
        set { flags = newValue ? flags | 4 : flags & ~4 }
    }
}
