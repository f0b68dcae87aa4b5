// A client's socket, with or without TLS: for the tools, which have a handful of connections and no loop of ours.
//
// What is written and read is plaintext either way. It may be one that waits, for a transfer in a thread of its own, or one that does not,
// beside other descriptors in a poll; each has its own pair of functions.

import Glibc

public final class ClientSocket {
    public let descriptor: Int32
    private let stream: TLSStream?
    private let wire: TLSWire?
    private var hasBegun = false
    /// Plaintext, and what of it was not asked for yet.
    private var plain: [UInt8] = []
    private var unread = 0..<0
    /// When the waiting calls give up, whatever still comes, milliseconds of the steady clock; nil: never. A call that waits in the kernel
    /// ends by the socket's own time.
    public var deadlineMs: Int64?

    /// - Parameters:
    ///   - descriptor: connected, or about to be; closed with this.
    ///   - trust: whom to believe; nil: no TLS.
    ///   - name: whom the certificate must name.
    public init(_ descriptor: Int32, trust: TLSContext?, name: String) {
        self.descriptor = descriptor
        wire = trust.map { _ in TLSWire() }
        stream = if let trust, let wire { TLSStream(dialing: trust, name: name, wire: wire) } else { nil }
        if stream != nil { plain = [UInt8](repeating: 0, count: TLSLimits.readBytesMax + TLSLimits.recordBytesMax) }
    }

    deinit {
        if let stream, let wire, stream.isOpen, stream.unsentBytes == 0 {
            stream.end()
            _ = wire.sealed.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Self.flags | Int32(MSG_DONTWAIT)) }
        }
        close(descriptor)
    }

    /// Why there is no secure connection; nil while nothing says so.
    public var failure: TLSFailure? { stream?.failure }

    private static let flags = Int32(MSG_NOSIGNAL)

    // MARK: Without waiting

    /// Whether room in the kernel is what we wait for.
    /// - Parameter hasMore: something waits to be given to `send`.
    public func wantsToWrite(hasMore: Bool) -> Bool {
        guard let stream else { return hasMore }
        return !hasBegun || stream.unsentBytes > 0 || stream.isOpen && hasMore
    }

    /// Takes from `bytes` what may leave now.
    /// - Returns: false when the connection is broken; `failure` may say why.
    public func send(_ bytes: inout [UInt8]) -> Bool {
        guard let stream, let wire else {
            guard !bytes.isEmpty else { return true }
            let count = Glibc.send(descriptor, bytes, bytes.count, Self.flags)
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            bytes.removeFirst(count)
            return true
        }
        begin()
        while true {
            guard transmit(stream) else { return false }
            guard stream.isOpen, stream.failure == nil, stream.unsentBytes == 0, !bytes.isEmpty else { return stream.failure == nil }
            let count = min(bytes.count, TLSLimits.sealBytesMax)
            bytes.withUnsafeBytes { stream.seal(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            stream.keepUnsent()
            bytes.removeFirst(count)
            precondition(wire.sealed.isEmpty)
        }
    }

    /// What is there to read: nil when nothing is yet, empty at the end; `failure` may say why.
    public func receive() -> [UInt8]? {
        guard let stream else {
            var bytes = [UInt8](repeating: 0, count: TLSLimits.readBytesMax)
            let count = recv(descriptor, &bytes, bytes.count, 0)
            if count < 0 { return errno == EAGAIN || errno == EINTR ? nil : [] }
            return Array(bytes[..<count])
        }
        begin()
        if unread.isEmpty {
            guard let isAlive = pull(stream) else { return nil }
            guard isAlive else { return [] }
        }
        defer { unread = 0..<0 }
        return unread.isEmpty ? (stream.isEnded ? [] : nil) : Array(plain[unread])
    }

    // MARK: Waiting

    /// Everything, however long it takes the socket.
    /// - Returns: false when the connection is broken, or nothing moved for the time that the socket has.
    public func write(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let stream else { return writeAll(bytes) }
        guard shakeHands(stream) else { return false }
        var rest = bytes
        while !rest.isEmpty, !isLate {
            let piece = rest.prefix(TLSLimits.sealBytesMax)
            piece.withUnsafeBytes { stream.seal($0) }
            stream.keepUnsent()
            while stream.unsentBytes > 0 { guard transmit(stream) else { return false } }
            guard stream.failure == nil else { return false }
            rest = rest.dropFirst(piece.count)
        }
        return rest.isEmpty
    }

    /// What comes next.
    /// - Returns: how many bytes; 0 at the end, -1 when the connection is broken.
    public func read(into room: inout [UInt8], limit: Int? = nil) -> Int {
        let limit = min(limit ?? room.count, room.count)
        guard let stream else {
            while !isLate {
                let count = recv(descriptor, &room, limit, 0)
                if count >= 0 || errno != EINTR { return count }
            }
            return -1
        }
        guard shakeHands(stream) else { return -1 }
        while unread.isEmpty {
            if stream.isEnded { return 0 }
            guard !isLate else { return -1 }
            guard let isAlive = pull(stream) else { return -1 }
            guard isAlive else { return stream.failure == nil ? 0 : -1 }
        }
        let count = min(limit, unread.count)
        room.replaceSubrange(0..<count, with: plain[unread.prefix(count)])
        unread = (unread.lowerBound + count)..<unread.upperBound
        return count
    }

    // MARK: Inside

    private var isLate: Bool {
        guard let deadlineMs else { return false }
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000 >= deadlineMs
    }

    private func begin() {
        guard let stream, !hasBegun else { return }
        hasBegun = true
        stream.begin()
        stream.keepUnsent()
    }

    private func shakeHands(_ stream: TLSStream) -> Bool {
        begin()
        while !stream.isOpen {
            guard !isLate else { return false }
            while stream.unsentBytes > 0 { guard transmit(stream) else { return false } }
            guard pull(stream) == true else { return false }
        }
        return stream.failure == nil
    }

    private func writeAll(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Self.flags) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0, !isLate else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// One call; what the kernel does not take stays.
    private func transmit(_ stream: TLSStream) -> Bool {
        guard stream.unsentBytes > 0 else { return true }
        let count = stream.withUnsent { Glibc.send(descriptor, $0.baseAddress, $0.count, Self.flags) }
        guard count >= 0 else { return errno == EINTR || errno == EAGAIN && fcntl(descriptor, F_GETFL) & Int32(O_NONBLOCK) != 0 }
        stream.dropUnsent(count)
        return true
    }

    /// One read of the socket.
    /// - Returns: nil: nothing was there; false: the connection has ended or is broken.
    private func pull(_ stream: TLSStream) -> Bool? {
        guard let wire, stream.failure == nil else { return false }
        let count = recv(descriptor, wire.room.baseAddress, wire.room.count, 0)
        if count < 0 && (errno == EAGAIN || errno == EINTR) { return nil }
        guard count > 0 else { return false }
        unread = 0..<plain.withUnsafeMutableBytes { stream.open(count, into: $0) }
        stream.keepUnsent()
        // Last words, an answer to a change of keys, the end of the handshake: what does not leave now waits for the next call.
        _ = transmit(stream)
        return stream.failure == nil
    }
}
