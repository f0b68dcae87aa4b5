// The links of one process, by socket.
//
// A process has a handful of links, a few hundred in the largest cluster, and looks one up for every frame. So the numbers
// of their sockets lie side by side and are searched from the front, and what is kept of a link is changed where it lies:
// a dictionary would hash, and copy the whole state of a link for every question about it.

import Primitives

/// What the mesh keeps of a connection.
struct LinkEntry: Sendable {
    var link: Link
    /// Known from the start for a dialled link, after the proof for an accepted one.
    var node: NodeID?
    /// Of an accepted link: whose certificate was shown; nil: nobody's was asked for.
    var certifiedNames: [String]?
    /// Has something to say at the end of the tick.
    var isDirty = false
}

/// At most one link a socket. Places change when a link is removed: keep the socket, not the place.
struct LinkTable: Sendable {
    private(set) var sockets: ContiguousArray<SocketID> = []
    private var entries: ContiguousArray<LinkEntry> = []

    /// Links that do not know their peer yet.
    var strangerCount: Int {
        var count = 0
        for place in entries.indices where entries[place].node == nil { count += 1 }
        return count
    }

    /// O(links), a few nanoseconds for a dozen.
    func place(of socket: SocketID) -> Int? {
        for place in sockets.indices where sockets[place] == socket { return place }
        return nil
    }

    subscript(place: Int) -> LinkEntry {
        @inline(__always) _read { yield entries[place] }
        @inline(__always) _modify { yield &entries[place] }
    }

    mutating func add(_ socket: SocketID, _ entry: LinkEntry) {
        precondition(place(of: socket) == nil)
        sockets.append(socket)
        entries.append(entry)
    }

    mutating func remove(_ socket: SocketID) -> LinkEntry? {
        guard let place = place(of: socket) else { return nil }
        sockets.swapAt(place, sockets.count - 1)
        entries.swapAt(place, entries.count - 1)
        sockets.removeLast()
        return entries.removeLast()
    }
}
