// One connection's TLS: ciphertext in, plaintext out, and the other way round. It knows no socket.

import COpenSSL

public final class TLSStream {
    private let ssl: OpaquePointer
    private let wire: TLSWire
    /// Received before the handshake was done.
    private var handshakeBytes = 0
    /// We are the server.
    public let isAccepting: Bool
    /// The handshake is done.
    public private(set) var isOpen = false
    /// The other side has said that nothing more comes.
    public private(set) var isEnded = false
    /// Why nothing more goes; what `wire.sealed` then holds are last words for the other side.
    public private(set) var failure: TLSFailure?
    /// Ciphertext that the kernel has not taken yet, from `unsentFrom` on.
    private var unsent: [UInt8] = []
    private var unsentFrom = 0

    /// The server's side.
    public init(accepting context: TLSContext, wire: TLSWire) {
        (ssl, isAccepting, self.wire) = (Self.make(context, wire), true, wire)
        SSL_set_accept_state(ssl)
    }

    /// The client's side.
    /// - Parameter name: the host name, address or node that the other side's certificate must name.
    public init(dialing context: TLSContext, name: String, wire: TLSWire) {
        (ssl, isAccepting, self.wire) = (Self.make(context, wire), false, wire)
        precondition(fantail_tls_expect(ssl, name) == 1)
        // Names only (RFC 6066, section 3); an address has no letters.
        if name.utf8.contains(where: { ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z") }) {
            precondition(fantail_tls_set_server_name(ssl, name) == 1)
        }
        SSL_set_connect_state(ssl)
    }

    deinit { SSL_free(ssl) }

    private static func make(_ context: TLSContext, _ wire: TLSWire) -> OpaquePointer {
        guard let ssl = SSL_new(context.pointer) else { preconditionFailure("OpenSSL: no memory") }
        let bio = wire.shareBIO()
        // One for both directions takes one reference only (SSL_set_bio(3)).
        SSL_set_bio(ssl, bio, bio)
        return ssl
    }

    // MARK: The stream

    /// A client begins; what it has to say is in `wire.sealed`.
    public func begin() {
        precondition(!isAccepting)
        wire.feed(0)
        shakeHands()
    }

    /// Takes what a read of the socket brought.
    /// - Parameters:
    ///   - count: bytes of `wire.room`.
    ///   - room: `count` + `TLSLimits.recordBytesMax` bytes at least.
    /// - Returns: bytes of plaintext in `room`. Then look at `isOpen`, `isEnded` and `failure`, and send `wire.sealed`.
    public func open(_ count: Int, into room: UnsafeMutableRawBufferPointer) -> Int {
        precondition(failure == nil)
        precondition(room.count >= count + TLSLimits.recordBytesMax)
        wire.feed(count)
        if !isOpen {
            handshakeBytes += count
            shakeHands()
            guard isOpen else { return 0 }
        }
        var filled = 0
        while !isEnded {
            ERR_clear_error()
            var taken = 0
            let result = SSL_read_ex(ssl, room.baseAddress! + filled, room.count - filled, &taken)
            if result == 1 {
                filled += taken
                continue
            }
            switch SSL_get_error(ssl, result) {
            case SSL_ERROR_WANT_READ:
                precondition(wire.isEmpty)
                return filled
            case SSL_ERROR_ZERO_RETURN: isEnded = true
            default:
                failure = TLSFailure(verification: SSL_get_verify_result(ssl))
                return filled
            }
        }
        return filled
    }

    /// Seals bytes into `wire.sealed`; only while open.
    /// - Parameter bytes: 1...`TLSLimits.sealBytesMax`.
    public func seal(_ bytes: UnsafeRawBufferPointer) {
        precondition(isOpen)
        precondition((1...TLSLimits.sealBytesMax).contains(bytes.count))
        ERR_clear_error()
        var taken = 0
        // The sink takes everything, so that this ends with all of it, or broke before.
        if SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &taken) != 1 {
            failure = TLSFailure(verification: SSL_get_verify_result(ssl))
        }
    }

    /// Says that nothing more comes, in `wire.sealed`.
    public func end() {
        guard isOpen, failure == nil else { return }
        ERR_clear_error()
        _ = SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// Whether the other side's certificate names this host or node. Only with one, which was verified.
    public func peerIsNamed(_ name: String) -> Bool {
        guard isOpen, let certificate = SSL_get0_peer_certificate(ssl) else { return false }
        return X509_check_host(certificate, name, name.utf8.count, TLSContext.nameFlags, nil) == 1
    }

    private func shakeHands() {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        guard result != 1 else {
            fantail_tls_forget_exchange(ssl)
            return isOpen = true
        }
        guard SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ else {
            failure = TLSFailure(verification: SSL_get_verify_result(ssl))
            return
        }
        if handshakeBytes > TLSLimits.handshakeBytesMax { failure = .tooLong }
    }

    // MARK: What the kernel does not take yet

    public var unsentBytes: Int { unsent.count - unsentFrom }

    /// Keeps what is left of `wire.sealed` behind what was kept before; the wire is free then.
    /// - Parameter from: bytes of it that have left.
    public func keepUnsent(from sent: Int = 0) {
        if sent < wire.sealed.count { unsent.append(contentsOf: wire.sealed[sent...]) }
        wire.sealed.removeAll(keepingCapacity: true)
    }

    public func withUnsent<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        unsent.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[unsentFrom...])) }
    }

    public func dropUnsent(_ count: Int) {
        unsentFrom += count
        precondition(unsentFrom <= unsent.count)
        if unsentFrom == unsent.count { (unsent, unsentFrom) = ([], 0) }
    }
}
