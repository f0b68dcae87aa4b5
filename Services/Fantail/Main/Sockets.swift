// TCP sockets that never block.

import Cluster
import FantailCLI
import Glibc

enum Sockets {
    /// Begins to connect; writable means done, then `failure(of:)` says how it went.
    /// - Throws: a sentence when it fails at once, an unknown host for instance.
    static func connect(to address: Address) throws(CommandFailure) -> Int32 {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(address.host, String(address.port), &hints, &found)
        guard code == 0, let info = found else {
            throw .failure("there is no host \(address.host): \(gai_strerror(code).map { String(cString: $0) } ?? "unknown")")
        }
        defer { freeaddrinfo(found) }
        let type = info.pointee.ai_socktype | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(info.pointee.ai_family, type, info.pointee.ai_protocol)
        guard descriptor >= 0 else { throw .failure("no socket: \(System.lastError)") }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        if Glibc.connect(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) != 0, errno != EINPROGRESS {
            let why = System.lastError
            close(descriptor)
            throw .failure("cannot reach \(address): \(why)")
        }
        return descriptor
    }

    /// What became of a connection attempt; nil: it stands.
    static func failure(of descriptor: Int32) -> String? {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        return code == 0 ? nil : System.errorText(code)
    }

    /// Sends what the socket takes now and removes it from `bytes`.
    /// - Returns: false when the connection is broken.
    static func send(_ bytes: inout [UInt8], to descriptor: Int32) -> Bool {
        guard !bytes.isEmpty else { return true }
        let count = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        bytes.removeFirst(count)
        return true
    }
}
