// All sockets of the process: readiness in, facts out; orders in, bytes out.
//
// Everything that a tick wants to say over one socket leaves in one call: orders only gather, `flush` sends. A socket that
// takes no more keeps the rest in its slot until epoll says that it does. Nothing here waits.
//
// A socket is found by its descriptor when the kernel speaks and by its number when the core does. The kernel reuses
// descriptors, numbers are never reused; epoll's token carries both, so that news of a former owner is recognised.
//
// A socket may speak TLS: what is written to it is plaintext, what is received from it too, and `SocketsTLS.swift` does the rest.

import CLinux
import Media
import Primitives
import RPC
import TLS

package struct Sockets {
    /// A descriptor that is not a connection.
    package enum Special: UInt32 {
        case peerDoor = 1
        case clientDoor = 2
        case adminDoor = 3
        case stop = 4
        case store = 5
        case resolver = 6
        case files = 7
        case reload = 8
        case hooks = 9
    }

    /// What one ready descriptor means.
    package enum Fact: Equatable {
        /// Stale news, or dealt with inside.
        case nothing
        case special(Special)
        /// Bytes in `received`.
        case received(SocketID, SocketKind)
        case connected(SocketID)
        case connectFailed(SocketID, SystemError)
        case closed(SocketID, SocketKind)
        /// A TLS handshake is done; perhaps bytes in `received` already.
        case secured(SocketID, SocketKind)
        /// It failed, and the socket is closed.
        case insecure(SocketID, SocketKind, TLSFailure)
    }

    /// Figures for the metrics page.
    package struct Counters {
        package var bytesReceived: UInt64 = 0
        package var bytesSent: UInt64 = 0
        package var readCount: UInt64 = 0
        package var writeCount: UInt64 = 0
        /// Cut because they did not read what was sent to them.
        package var cutCount: UInt64 = 0
    }

    /// A byte that waits in the kernel behind what one read takes: when it is read we know how long it waited.
    private struct Mark {
        var bytesLeft: Int
        let since: Instant
    }

    /// What of a file is still to be sent.
    struct FileTail {
        let handle: FileHandle
        var offset: UInt64
        var count: UInt64
    }

    private let epoll = SystemCalls.makeEpoll()
    private var ready = [epoll_event](repeating: epoll_event(), count: ServiceLimits.eventCountMax)
    var slots: ContiguousArray<SocketSlot> = []
    var descriptors: [UInt64: Descriptor] = [:]
    private var idNext: UInt64 = 1
    private var touched: [Descriptor] = []
    /// Files on their way to sockets, and sockets that are not read: a few, and only in a service with files.
    var files: [Descriptor: FileTail] = [:]
    private var paused: Set<Descriptor> = []
    var sentFiles: [SocketID] = []
    private var counts = [0, 0, 0]
    var buffer = [UInt8](repeating: 0, count: ServiceLimits.readBytesMax)
    var bufferCount = 0
    /// Of sockets that have more to say than is read of them in a tick; a handful, and only under load.
    private var marks: [Descriptor: Mark] = [:]
    /// The longest that a marked byte waited since somebody asked.
    private var waitMax = Interval(nanoseconds: 0)

    // What sockets with TLS have beside; nothing of a plain one is here.
    var streams: [Descriptor: TLSStream] = [:]
    var wire: TLSWire?
    package internal(set) var handshakes = Handshakes()

    /// Facts that sending brought to light, for the next round.
    var aftermath: [TransportEvent] = []
    /// Sockets that began to close in this tick; the loop gives each `ServiceLimits.closeTimeout`.
    var closing: [SocketID] = []
    package internal(set) var counters = Counters()

    package init() {}

    // MARK: Questions

    /// Sockets of a kind, those that are closing included.
    func count(_ kind: SocketKind) -> Int { counts[Int(kind.rawValue)] }

    /// Nothing waits to be sent on any socket. O(descriptors): for the end of the process only.
    var isDrained: Bool { slots.allSatisfy { $0.waitingBytes == 0 } && streams.values.allSatisfy { $0.unsentBytes == 0 } }

    /// What the last `.received` brought. Valid until the next fact is asked for.
    package var received: ArraySlice<UInt8> { buffer[0..<bufferCount] }

    /// How long what is read of sockets has waited in the kernel, at the worst of them, since this was asked last. Zero while
    /// each is emptied whenever it is read.
    package mutating func takeWait(now: Instant) -> Interval {
        defer { waitMax = Interval(nanoseconds: 0) }
        return marks.values.reduce(waitMax) { max($0, now - $1.since) }
    }

    package var hasAftermath: Bool { !aftermath.isEmpty || !sentFiles.isEmpty }

    /// Sockets whose file the kernel has taken.
    mutating func takeSentFiles() -> [SocketID] {
        defer { sentFiles = [] }
        return sentFiles
    }

    package mutating func takeAftermath() -> [TransportEvent] {
        defer { aftermath = [] }
        return aftermath
    }

    package mutating func takeClosing() -> [SocketID] {
        guard !closing.isEmpty else { return [] }
        defer { closing = [] }
        return closing
    }

    // MARK: Watching

    package mutating func watch(_ descriptor: Descriptor, as special: Special) {
        SystemCalls.epollAdd(epoll, descriptor, SystemCalls.readable, token: UInt64(special.rawValue))
    }

    /// Turns a door's news off and on.
    mutating func listen(_ descriptor: Descriptor, as special: Special, isOpen: Bool) {
        SystemCalls.epollChange(epoll, descriptor, isOpen ? SystemCalls.readable : 0, token: UInt64(special.rawValue))
    }

    /// Sleeps until something happens or the time is over.
    /// - Returns: how many facts there are.
    package mutating func wait(timeoutMs: Int32) -> Int {
        handshakes.turnsLeft = TLSLimits.handshakeCountPerTickMax
        return SystemCalls.epollWait(epoll, &ready, timeoutMs: timeoutMs)
    }

    /// Makes a new connection known.
    /// - Parameter security: how it speaks TLS; nil: it does not.
    package mutating func add(
        _ descriptor: Descriptor, _ kind: SocketKind, isConnecting: Bool = false, security: SocketSecurity? = nil
    ) -> SocketID {
        while slots.count <= Int(descriptor) { slots.append(SocketSlot()) }
        precondition(slots[Int(descriptor)].phase == .free)
        let id = idNext
        idNext += 1
        // The token has the lower half of the number, and 0 there means a special descriptor.
        if idNext & 0xFFFF_FFFF == 0 { idNext += 1 }
        var slot = SocketSlot()
        slot.id = id
        slot.kind = kind
        slot.phase = isConnecting ? .connecting : .open
        slot.wantsWritable = isConnecting
        slots[Int(descriptor)] = slot
        descriptors[id] = descriptor
        counts[Int(kind.rawValue)] += 1
        SystemCalls.epollAdd(
            epoll, descriptor, isConnecting ? SystemCalls.writable : SystemCalls.readable, token: token(id, descriptor))
        if let security { secure(descriptor, security) }
        return SocketID(rawValue: id)
    }

    /// The meaning of the `index`-th ready descriptor; reads or sends once if it is a connection.
    package mutating func fact(_ index: Int) -> Fact {
        let event = ready[index]
        let token = event.data.u64
        if token >> 32 == 0 { return .special(Special(rawValue: UInt32(token))!) }
        let descriptor = Descriptor(token & 0xFFFF_FFFF)
        let slot = Int(descriptor)
        guard slots[slot].phase != .free, slots[slot].id & 0xFFFF_FFFF == token >> 32 else { return .nothing }
        let id = SocketID(rawValue: slots[slot].id)
        let isBroken = event.events & SystemCalls.broken != 0
        if slots[slot].phase == .connecting { return decideConnect(descriptor, id) }
        if event.events & SystemCalls.writable != 0 || isBroken {
            send(descriptor)
            if slots[slot].phase == .free { return .nothing }
        }
        guard event.events & SystemCalls.readable != 0 || isBroken else { return .nothing }
        // What comes behind the end of our patience is thrown away as it is.
        if slots[slot].isSecured, slots[slot].phase == .open { return readSecured(descriptor, id) }
        return read(descriptor, id)
    }

    // MARK: Orders

    /// Gathers bytes for the next `flush`. Nothing happens for a socket that is gone.
    package mutating func write(_ id: SocketID, _ bytes: [UInt8]) {
        guard let descriptor = descriptors[id.rawValue] else { return }
        let slot = Int(descriptor)
        guard slots[slot].phase == .open else { return }
        if slots[slot].outbound.isEmpty {
            slots[slot].outbound = bytes
        } else {
            slots[slot].outbound.append(contentsOf: bytes)
        }
        touch(descriptor)
    }

    /// Sends bytes of a file behind what was written, and closes it, also when the socket is gone. One at a time.
    mutating func send(_ id: SocketID, _ handle: FileHandle, offset: UInt64, count: UInt64) {
        guard let descriptor = descriptors[id.rawValue], slots[Int(descriptor)].phase == .open, files[descriptor] == nil else {
            return SystemCalls.close(handle.rawValue)
        }
        files[descriptor] = FileTail(handle: handle, offset: offset, count: count)
        touch(descriptor)
    }

    /// Turns reading of a socket off and on.
    mutating func pause(_ id: SocketID, _ isPaused: Bool) {
        guard let descriptor = descriptors[id.rawValue], paused.contains(descriptor) != isPaused else { return }
        if isPaused { paused.insert(descriptor) } else { paused.remove(descriptor) }
        watchAnew(descriptor)
    }

    /// Closes after what was written before has left; the number is not mentioned again.
    package mutating func close(_ id: SocketID) {
        guard let descriptor = descriptors[id.rawValue], slots[Int(descriptor)].phase == .open else { return }
        // Nobody could read our last words.
        if slots[Int(descriptor)].isSecured, !isOpened(descriptor) { return release(descriptor) }
        slots[Int(descriptor)].phase = .flushing
        // What a paused socket still has to say is thrown away, and its end must be seen.
        pause(id, false)
        closing.append(id)
        touch(descriptor)
    }

    /// Ends a socket at once, whatever still waits. Nothing happens for one that is gone.
    package mutating func abandon(_ id: SocketID) {
        if let descriptor = descriptors[id.rawValue] { release(descriptor) }
    }

    /// Ends all sockets at once and gives every descriptor back; afterwards nothing may be asked any more.
    package mutating func end() {
        for descriptor in Array(descriptors.values) { release(descriptor) }
        SystemCalls.close(epoll)
    }

    /// Sends what gathered: at most one call for each socket.
    package mutating func flush() {
        var index = 0
        while index < touched.count {
            let descriptor = touched[index]
            index += 1
            // A socket may have ended since, and its descriptor may serve another one.
            guard slots[Int(descriptor)].isTouched else { continue }
            slots[Int(descriptor)].isTouched = false
            // While epoll is asked, the kernel is full: trying would only cost a call.
            if slots[Int(descriptor)].wantsWritable {
                checkQueue(descriptor)
            } else {
                send(descriptor)
            }
        }
        touched.removeAll(keepingCapacity: true)
    }

    // MARK: Inside

    private func token(_ id: UInt64, _ descriptor: Descriptor) -> UInt64 {
        (id & 0xFFFF_FFFF) << 32 | UInt64(descriptor)
    }

    mutating func touch(_ descriptor: Descriptor) {
        guard !slots[Int(descriptor)].isTouched else { return }
        slots[Int(descriptor)].isTouched = true
        touched.append(descriptor)
    }

    private mutating func decideConnect(_ descriptor: Descriptor, _ id: SocketID) -> Fact {
        if let error = SystemCalls.socketError(descriptor) {
            release(descriptor)
            return .connectFailed(id, error)
        }
        slots[Int(descriptor)].phase = .open
        setWantsWritable(descriptor, false)
        if slots[Int(descriptor)].isSecured { beginHandshake(descriptor) }
        return .connected(id)
    }

    private mutating func read(_ descriptor: Descriptor, _ id: SocketID) -> Fact {
        let outcome = buffer.withUnsafeMutableBytes { SystemCalls.receive(descriptor, into: $0) }
        let isOpen = slots[Int(descriptor)].phase == .open
        let kind = slots[Int(descriptor)].kind
        switch outcome {
        case .wouldBlock:
            return .nothing
        case .moved(let count) where count > 0:
            counters.readCount += 1
            counters.bytesReceived += UInt64(count)
            guard isOpen else { return .nothing }
            noteBacklog(descriptor, count, of: buffer.count)
            bufferCount = count
            return .received(id, kind)
        case .moved, .failed:
            release(descriptor)
            return isOpen ? .closed(id, kind) : .nothing
        }
    }

    /// A read that filled the buffer leaves something behind. The last byte of that is marked, and when as many bytes have been
    /// read, it has come to its turn.
    mutating func noteBacklog(_ descriptor: Descriptor, _ count: Int, of room: Int) {
        guard count == room || !marks.isEmpty else { return }
        if var mark = marks[descriptor] {
            mark.bytesLeft -= count
            guard mark.bytesLeft <= 0 else {
                marks[descriptor] = mark
                return
            }
            marks[descriptor] = nil
            waitMax = max(waitMax, SystemCalls.instant() - mark.since)
        }
        guard count == room else { return }
        let left = SystemCalls.unreadBytes(descriptor)
        if left > 0 { marks[descriptor] = Mark(bytesLeft: left, since: SystemCalls.instant()) }
    }

    mutating func send(_ descriptor: Descriptor) {
        let slot = Int(descriptor)
        if slots[slot].isSecured { return sendSecured(descriptor) }
        if slots[slot].waitingBytes > 0 {
            let sentBytes = Int(slots[slot].sentBytes)
            let hasMore = files[descriptor] != nil
            let outcome = slots[slot].outbound.withUnsafeBytes { bytes in
                SystemCalls.send(descriptor, UnsafeRawBufferPointer(rebasing: bytes[sentBytes...]), hasMore: hasMore)
            }
            switch outcome {
            case .moved(let count):
                counters.writeCount += 1
                counters.bytesSent += UInt64(count)
                forgetSent(slot, count)
            case .wouldBlock:
                break
            case .failed:
                return lose(descriptor)
            }
        }
        if slots[slot].waitingBytes == 0, files[descriptor] != nil, !sendFile(descriptor) { return }
        checkQueue(descriptor)
    }

    /// One piece: the rest when epoll says that there is room again, and after others had their turn.
    /// - Returns: false when the socket is lost.
    private mutating func sendFile(_ descriptor: Descriptor) -> Bool {
        guard var file = files[descriptor] else { return true }
        switch SystemCalls.send(descriptor, file.handle, offset: file.offset, count: min(file.count, UInt64(MediaLimits.sendBytesMax))) {
        case .moved(0) where file.count > 0, .failed:
            // The file is shorter than it was: nothing else would be a true answer than an end too soon.
            lose(descriptor)
            return false
        case .moved(let count):
            counters.writeCount += 1
            counters.bytesSent += UInt64(count)
            file.offset += UInt64(count)
            file.count -= UInt64(count)
        case .wouldBlock: break
        }
        files[descriptor] = file.count > 0 ? file : nil
        if file.count == 0 {
            SystemCalls.close(file.handle.rawValue)
            sentFiles.append(SocketID(rawValue: slots[Int(descriptor)].id))
        }
        return true
    }

    mutating func forgetSent(_ slot: Int, _ count: Int) {
        let sent = Int(slots[slot].sentBytes) + count
        if sent == slots[slot].outbound.count {
            slots[slot].outbound = []
            slots[slot].sentBytes = 0
        } else if sent > ServiceLimits.readBytesMax && sent * 2 > slots[slot].outbound.count {
            // Moving at most as much as was sent since the last time keeps the cost constant for each byte.
            slots[slot].outbound.removeFirst(sent)
            slots[slot].sentBytes = 0
        } else {
            slots[slot].sentBytes = UInt32(sent)
        }
    }

    /// What the length of the queue means: congestion, a cut, asking epoll, or the end of closing.
    mutating func checkQueue(_ descriptor: Descriptor) {
        let slot = Int(descriptor)
        let waiting = slots[slot].waitingBytes + (slots[slot].isSecured ? unsentBytes(descriptor) : 0)
        let bounds = slots[slot].kind.queueBytes
        if waiting > bounds.max {
            counters.cutCount += 1
            return lose(descriptor)
        }
        if slots[slot].phase == .open {
            let id = SocketID(rawValue: slots[slot].id)
            if !slots[slot].isCongested && waiting > bounds.soft {
                slots[slot].isCongested = true
                aftermath.append(.congested(id, true))
            } else if slots[slot].isCongested && waiting < bounds.soft / 2 {
                slots[slot].isCongested = false
                aftermath.append(.congested(id, false))
            }
        }
        let hasMore = waiting > 0 || files[descriptor] != nil
        // Before its handshake is done a socket waits for the other side, however much room the kernel has.
        setWantsWritable(descriptor, slots[slot].isSecured && !isOpened(descriptor) ? unsentBytes(descriptor) > 0 : hasMore)
        if slots[slot].phase == .flushing && !hasMore {
            slots[slot].phase = .lingering
            if slots[slot].isSecured { sayEnd(descriptor) }
            SystemCalls.endSending(descriptor)
        }
    }

    private mutating func setWantsWritable(_ descriptor: Descriptor, _ wants: Bool) {
        let slot = Int(descriptor)
        guard slots[slot].wantsWritable != wants else { return }
        slots[slot].wantsWritable = wants
        watchAnew(descriptor)
    }

    private mutating func watchAnew(_ descriptor: Descriptor) {
        let readable = paused.contains(descriptor) ? 0 : SystemCalls.readable
        let writable = slots[Int(descriptor)].wantsWritable ? SystemCalls.writable : 0
        SystemCalls.epollChange(epoll, descriptor, readable | writable, token: token(slots[Int(descriptor)].id, descriptor))
    }

    /// Ends a socket that was not ordered to end, and says so.
    mutating func lose(_ descriptor: Descriptor) {
        let slot = slots[Int(descriptor)]
        if slot.phase == .open { aftermath.append(.closed(SocketID(rawValue: slot.id))) }
        release(descriptor)
    }

    mutating func release(_ descriptor: Descriptor) {
        let slot = slots[Int(descriptor)]
        precondition(slot.phase != .free)
        descriptors[slot.id] = nil
        marks[descriptor] = nil
        paused.remove(descriptor)
        if let file = files.removeValue(forKey: descriptor) { SystemCalls.close(file.handle.rawValue) }
        counts[Int(slot.kind.rawValue)] -= 1
        if slot.isSecured { forgetStream(descriptor, slot.kind) }
        slots[Int(descriptor)] = SocketSlot()
        // Closing takes it out of epoll too: no other descriptor refers to the same socket.
        SystemCalls.close(descriptor)
    }
}
