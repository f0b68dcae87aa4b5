// A connection to the object store, and the system calls about it. Waits, but never for ever: whoever is silent for
// `MediaLimits.storeSilenceTimeoutMs` is away.

import CLinux
import Glibc
import Media

/// The connection is of no more use; the text is for the log.
struct WireFailure: Error {
    var text: String
}

/// Closes itself.
final class Wire {
    private let socket: Int32
    private var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    /// What has come in and was not taken.
    private var held: ArraySlice<UInt8> = []
    /// A byte has come in since it was asked last.
    var hasHeard = false

    init(host: String, port: UInt16) throws(WireFailure) {
        var address: UInt32 = 0
        guard fantail_resolve(host, &address) == 0 else { throw WireFailure(text: "\(host) cannot be resolved") }
        let made = fantail_tcp_socket()
        guard made >= 0 else { throw WireFailure(text: Self.reason) }
        socket = made
        _ = fantail_enable(made, Int32(IPPROTO_TCP), TCP_NODELAY)
        if fantail_connect(made, address, port) == 0 { return }
        guard errno == EINPROGRESS || errno == EINTR else { throw WireFailure(text: Self.reason) }
        guard Self.wait(made, POLLOUT, MediaLimits.storeConnectTimeoutMs) else { throw WireFailure(text: "no answer to a connection") }
        var number: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(made, SOL_SOCKET, SO_ERROR, &number, &size)
        guard number == 0 else { throw WireFailure(text: String(cString: strerror(number))) }
    }

    deinit { close(socket) }

    func send(_ bytes: [UInt8]) throws(WireFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if try moved(count, POLLOUT) { rest = rest.dropFirst(count) }
        }
    }

    func send(file: Int32, count size: UInt64) throws(WireFailure) {
        var offset = off_t(0)
        while offset < off_t(size) {
            let count = sendfile(socket, file, &offset, Int(size) - Int(offset))
            if count == 0 { throw WireFailure(text: "the file became shorter") }
            _ = try moved(count, POLLOUT)
        }
    }

    /// Some bytes, at most so many.
    func receive(max: Int) throws(WireFailure) -> ArraySlice<UInt8> {
        while held.isEmpty {
            let count = recv(socket, &buffer, buffer.count, 0)
            if count == 0 { throw WireFailure(text: "the connection ended") }
            if try moved(count, POLLIN) {
                hasHeard = true
                held = buffer[..<count]
            }
        }
        defer { held = held.dropFirst(max) }
        return held.prefix(max)
    }

    /// - Returns: whether bytes moved; false: now they could, or the call was interrupted.
    private func moved(_ count: Int, _ event: Int32) throws(WireFailure) -> Bool {
        if count >= 0 { return true }
        if errno == EINTR { return false }
        guard errno == EAGAIN else { throw WireFailure(text: Self.reason) }
        guard Self.wait(socket, event, Int32(MediaLimits.storeSilenceTimeoutMs)) else { throw WireFailure(text: "silent for too long") }
        return false
    }

    private static func wait(_ socket: Int32, _ event: Int32, _ timeoutMs: Int32) -> Bool {
        var entry = pollfd(fd: socket, events: Int16(event), revents: 0)
        while true {
            let count = poll(&entry, 1, timeoutMs)
            if count >= 0 || errno != EINTR { return count > 0 }
        }
    }

    private static var reason: String { String(cString: strerror(errno)) }
}

enum Machine {
    /// Nanoseconds of the steady clock.
    static func instant() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Now, as signatures spell it: `20130524T000000Z`.
    static func signingTime() -> String {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        func digits(_ number: Int32, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
        }
        return digits(parts.tm_year + 1900, 4) + digits(parts.tm_mon + 1, 2) + digits(parts.tm_mday, 2) + "T" + digits(parts.tm_hour, 2)
            + digits(parts.tm_min, 2) + digits(parts.tm_sec, 2) + "Z"
    }

    /// A descriptor, or nil; the caller closes it.
    static func openToRead(_ path: String) -> Int32? {
        let file = fantail_open_to_read(path)
        return file >= 0 ? file : nil
    }

    static func memoryFile() -> Int32? {
        let file = fantail_memory_file()
        return file >= 0 ? file : nil
    }

    static func write(_ bytes: ArraySlice<UInt8>, to file: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    static func close(_ file: Int32) { Glibc.close(file) }
}
