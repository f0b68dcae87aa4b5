// Sockets that speak TLS. Above them nobody notices: plaintext is written and received, and closing says goodbye.
//
// A read of such a socket is one call to the kernel and as many records as it brought; a flush is one call for 64 KiB. What the
// kernel does not take is kept as ciphertext, and nothing more is sealed before that has left, so that a slow reader costs what
// it costs without TLS. A file is read and sealed a piece at a time; without TLS the kernel would send it from its own memory.
//
// What a stranger may do before the handshake is done is bounded three times: the core that was told of him ends him by its timers and
// counts as it does those who say nothing, he may send 32 KiB, and a tick goes on with so many handshakes only.

import Media
import Primitives
import RPC
import TLS

/// How a new connection speaks TLS.
package enum SocketSecurity {
    case accepting(TLSContext)
    /// The other side's certificate must have this name.
    case dialing(TLSContext, name: String)
}

/// Figures of handshakes.
package struct Handshakes {
    /// Under way.
    package internal(set) var count = 0
    /// How many more a tick goes on with.
    var turnsLeft = TLSLimits.handshakeCountPerTickMax
    /// Indexed by `SocketKind`.
    package internal(set) var finished: [UInt64] = [0, 0, 0]
    package internal(set) var failed: [[TLSFailure.Reason: UInt64]] = [[:], [:], [:]]

    mutating func fail(_ kind: SocketKind, _ reason: TLSFailure.Reason) {
        failed[Int(kind.rawValue)][reason, default: 0] += 1
    }
}

extension Sockets {
    /// What somebody reads who speaks HTTP where TLS is spoken.
    private static let plainAnswer = Array(
        ("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 41\r\nConnection: close\r\n\r\n"
            + "This port speaks TLS: use https or wss.\r\n").utf8)

    // MARK: What the plain road asks

    /// The handshake is done.
    func isOpened(_ descriptor: Descriptor) -> Bool { streams[descriptor]!.isOpen }

    /// Ciphertext that waits.
    func unsentBytes(_ descriptor: Descriptor) -> Int { streams[descriptor]!.unsentBytes }

    /// Whether the certificate of the other side names this node.
    func isNamed(_ id: SocketID, _ name: String) -> Bool { stream(id)?.peerIsNamed(name) ?? false }

    // MARK: Beginning and end

    mutating func secure(_ descriptor: Descriptor, _ security: SocketSecurity) {
        let wire = wire ?? TLSWire()
        self.wire = wire
        switch security {
        case .accepting(let context): streams[descriptor] = TLSStream(accepting: context, wire: wire)
        case .dialing(let context, let name): streams[descriptor] = TLSStream(dialing: context, name: name, wire: wire)
        }
        slots[Int(descriptor)].isSecured = true
        handshakes.count += 1
        if slots[Int(descriptor)].phase == .open { beginHandshake(descriptor) }
    }

    /// A client speaks first.
    mutating func beginHandshake(_ descriptor: Descriptor) {
        guard let stream = streams[descriptor], !stream.isAccepting else { return }
        stream.begin()
        stream.keepUnsent()
        touch(descriptor)
    }

    /// Nothing more comes from us. Without a word of it the other side could take a cut for an end.
    mutating func sayEnd(_ descriptor: Descriptor) {
        guard let stream = streams[descriptor], let wire else { return }
        stream.end()
        if !wire.sealed.isEmpty { _ = wire.sealed.withUnsafeBytes { SystemCalls.send(descriptor, $0) } }
        wire.sealed.removeAll(keepingCapacity: true)
    }

    mutating func forgetStream(_ descriptor: Descriptor, _ kind: SocketKind) {
        guard let stream = streams.removeValue(forKey: descriptor), !stream.isOpen else { return }
        handshakes.count -= 1
        handshakes.fail(kind, .givenUp)
    }

    // MARK: Receiving

    mutating func readSecured(_ descriptor: Descriptor, _ id: SocketID) -> Fact {
        guard let stream = streams[descriptor], let wire else { return .nothing }
        let kind = slots[Int(descriptor)].kind
        let wasOpen = stream.isOpen
        if !wasOpen && stream.isAccepting {
            // Others first; the bytes wait in the kernel, and epoll speaks of them again.
            guard handshakes.turnsLeft > 0 else { return .nothing }
            handshakes.turnsLeft -= 1
        }
        switch SystemCalls.receive(descriptor, into: wire.room) {
        case .wouldBlock:
            return .nothing
        case .moved(let count) where count > 0:
            counters.readCount += 1
            counters.bytesReceived += UInt64(count)
            noteBacklog(descriptor, count, of: wire.room.count)
            bufferCount = buffer.withUnsafeMutableBytes { stream.open(count, into: $0) }
        case .moved, .failed:
            guard wasOpen else { return fail(descriptor, id, .ended) }
            release(descriptor)
            return .closed(id, kind)
        }
        if !wasOpen && stream.isOpen {
            handshakes.count -= 1
            handshakes.finished[Int(kind.rawValue)] += 1
            touch(descriptor)
        }
        // Perhaps only behind the end of the handshake, in the same read.
        if let failure = stream.failure { return fail(descriptor, id, failure) }
        // Handshakes, answers to changes of keys: bounded by what came.
        if !wire.sealed.isEmpty {
            stream.keepUnsent()
            touch(descriptor)
        }
        if stream.isEnded {
            sayEnd(descriptor)
            lose(descriptor)
        }
        if !wasOpen && stream.isOpen { return .secured(id, kind) }
        return bufferCount > 0 ? .received(id, kind) : .nothing
    }

    /// The connection is not secure: the other side is told why, as far as TLS has words for it.
    private mutating func fail(_ descriptor: Descriptor, _ id: SocketID, _ failure: TLSFailure) -> Fact {
        let kind = slots[Int(descriptor)].kind
        let wasOpen = streams.removeValue(forKey: descriptor)?.isOpen ?? false
        let lastWords = failure.reason == .plainHTTP && kind == .client ? Self.plainAnswer : wire?.sealed ?? []
        wire?.sealed.removeAll(keepingCapacity: true)
        slots[Int(descriptor)].isSecured = false
        if !wasOpen {
            handshakes.count -= 1
            handshakes.fail(kind, failure.reason)
        }
        if lastWords.isEmpty {
            release(descriptor)
        } else {
            // Plain from here on: what waited before is for nobody's eyes.
            slots[Int(descriptor)].outbound = lastWords
            slots[Int(descriptor)].sentBytes = 0
            if let file = files.removeValue(forKey: descriptor) { SystemCalls.close(file.handle.rawValue) }
            slots[Int(descriptor)].phase = .flushing
            pause(id, false)
            closing.append(id)
            touch(descriptor)
        }
        return wasOpen ? .closed(id, kind) : .insecure(id, kind, failure)
    }

    // MARK: Sending

    mutating func sendSecured(_ descriptor: Descriptor) {
        guard let stream = streams[descriptor], let wire else { return }
        let slot = Int(descriptor)
        var mayReadFile = true
        while true {
            if stream.unsentBytes > 0 {
                switch stream.withUnsent({ SystemCalls.send(descriptor, $0) }) {
                case .moved(let count):
                    counters.writeCount += 1
                    counters.bytesSent += UInt64(count)
                    stream.dropUnsent(count)
                case .wouldBlock: break
                case .failed: return lose(descriptor)
                }
                if stream.unsentBytes > 0 { break }
            }
            guard stream.isOpen else { break }
            if slots[slot].waitingBytes > 0 {
                let from = Int(slots[slot].sentBytes)
                let count = min(slots[slot].waitingBytes, TLSLimits.sealBytesMax)
                slots[slot].outbound.withUnsafeBytes { stream.seal(UnsafeRawBufferPointer(rebasing: $0[from..<(from + count)])) }
                forgetSent(slot, count)
            } else if mayReadFile, files[descriptor] != nil {
                // One piece: the rest after others had their turn.
                mayReadFile = false
                guard sealFile(descriptor, stream) else { return }
            } else {
                break
            }
            if stream.failure != nil { return lose(descriptor) }
            guard transmit(descriptor, stream, wire) else { return lose(descriptor) }
        }
        checkQueue(descriptor)
    }

    /// Sends what was sealed; what the kernel does not take is kept.
    /// - Returns: false when the socket is broken.
    private mutating func transmit(_ descriptor: Descriptor, _ stream: TLSStream, _ wire: TLSWire) -> Bool {
        guard !wire.sealed.isEmpty else { return true }
        switch wire.sealed.withUnsafeBytes({ SystemCalls.send(descriptor, $0) }) {
        case .moved(let count):
            counters.writeCount += 1
            counters.bytesSent += UInt64(count)
            stream.keepUnsent(from: count)
        case .wouldBlock: stream.keepUnsent()
        case .failed:
            wire.sealed.removeAll(keepingCapacity: true)
            return false
        }
        return true
    }

    /// - Returns: false when the file is shorter than it was: nothing else would be a true answer than an end too soon.
    private mutating func sealFile(_ descriptor: Descriptor, _ stream: TLSStream) -> Bool {
        guard var file = files[descriptor] else { return true }
        let count = Int(min(file.count, UInt64(TLSLimits.sealBytesMax)))
        var taken = 0
        if count > 0 {
            let outcome = buffer.withUnsafeMutableBytes {
                SystemCalls.read(file.handle, offset: file.offset, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<count]))
            }
            guard case .moved(let read) = outcome, read > 0 else {
                lose(descriptor)
                return false
            }
            taken = read
            buffer.withUnsafeBytes { stream.seal(UnsafeRawBufferPointer(rebasing: $0[..<taken])) }
        }
        file.offset += UInt64(taken)
        file.count -= UInt64(taken)
        files[descriptor] = file.count > 0 ? file : nil
        if file.count == 0 {
            SystemCalls.close(file.handle.rawValue)
            sentFiles.append(SocketID(rawValue: slots[Int(descriptor)].id))
        }
        return true
    }

    private func stream(_ id: SocketID) -> TLSStream? { descriptors[id.rawValue].flatMap { streams[$0] } }
}
