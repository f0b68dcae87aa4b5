// Where ciphertext lies between the socket and OpenSSL: one for all connections of a thread.
//
// OpenSSL never touches a socket. What one call to the kernel brought lies in `room`, OpenSSL takes it from there; what it has to say
// gathers in `sealed`, and leaves in one call. So an idle connection owns no buffer, and system calls stay with those who make them.

import COpenSSL

public final class TLSWire {
    /// For one read of a socket; `TLSLimits.readBytesMax` bytes.
    public let room = UnsafeMutableRawBufferPointer.allocate(byteCount: TLSLimits.readBytesMax, alignment: 16)
    /// What waits to be sent over the socket of the connection that was asked last.
    public var sealed: [UInt8] = []
    /// Bytes of `room` that OpenSSL has not taken yet.
    private var unread = 0..<0
    /// Made with the first connection; each of them has a reference.
    private var bio: OpaquePointer?

    public init() { sealed.reserveCapacity(TLSLimits.sealBytesMax + 4 * 1024) }

    deinit {
        BIO_free(bio)
        room.deallocate()
    }

    /// The first `count` bytes of `room` are there for OpenSSL.
    func feed(_ count: Int) {
        precondition(count <= room.count)
        unread = 0..<count
    }

    var isEmpty: Bool { unread.isEmpty }

    fileprivate func take(_ bytes: UnsafeMutablePointer<CChar>, _ count: Int) -> Int {
        let taken = min(count, unread.count)
        guard taken > 0 else { return 0 }
        UnsafeMutableRawPointer(bytes).copyMemory(from: room.baseAddress! + unread.lowerBound, byteCount: taken)
        unread = (unread.lowerBound + taken)..<unread.upperBound
        return taken
    }

    fileprivate func put(_ bytes: UnsafePointer<CChar>, _ count: Int) {
        sealed.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
    }

    // MARK: OpenSSL's side

    /// The kind of source and sink that this is; one for the process, an address because pointers stay in their threads.
    private static let method: UInt = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "fantail") else { preconditionFailure("OpenSSL: no BIO") }
        BIO_meth_set_read(method) { bio, bytes, count in
            guard let bio, let bytes, count > 0 else { return 0 }
            fantail_bio_clear_retry(bio)
            let taken = TLSWire.of(bio).take(bytes, Int(count))
            guard taken > 0 else {
                fantail_bio_set_retry_read(bio)
                return -1
            }
            return Int32(taken)
        }
        BIO_meth_set_write(method) { bio, bytes, count in
            guard let bio, let bytes, count > 0 else { return 0 }
            fantail_bio_clear_retry(bio)
            TLSWire.of(bio).put(bytes, Int(count))
            return count
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return UInt(bitPattern: method)
    }()

    private static func of(_ bio: OpaquePointer) -> TLSWire {
        Unmanaged<TLSWire>.fromOpaque(BIO_get_data(bio)).takeUnretainedValue()
    }

    /// The source and sink of this wire, with a reference for the caller, whom the wire must outlive. One does for all connections: it
    /// remembers nothing between two calls.
    func shareBIO() -> OpaquePointer {
        if bio == nil {
            guard let made = BIO_new(OpaquePointer(bitPattern: Self.method)) else { preconditionFailure("OpenSSL: no BIO") }
            BIO_set_data(made, Unmanaged.passUnretained(self).toOpaque())
            BIO_set_init(made, 1)
            bio = made
        }
        BIO_up_ref(bio)
        return bio!
    }
}
