// The floor on which system calls live: nothing above this file speaks to libc.
//
// Three kinds of outcome are kept apart. An interrupted call is repeated here and nobody hears of it. "Would block" and what
// the network does to a socket are values for the caller. An error that can only mean that we mixed up our own descriptors
// stops the process, because everything after it would be guesswork.

import CLinux
import Media
import Glibc
import Primitives

/// An open file, socket or event of this process.
package typealias Descriptor = Int32

/// How reading or writing without waiting ended.
enum IOOutcome: Equatable {
    /// Bytes moved; 0 when reading: the other side has ended.
    case moved(Int)
    case wouldBlock
    case failed(SystemError)
}

/// An error number and its text.
package struct SystemError: Error, Equatable, CustomStringConvertible {
    package let number: Int32
    package var description: String { String(cString: strerror(number)) }

    static let portTaken = SystemError(number: EADDRINUSE)
    static let notPermitted = SystemError(number: EACCES)
    static let notHere = SystemError(number: EADDRNOTAVAIL)
    static let notFound = SystemError(number: ENOENT)
}

/// An IPv4 address, in network byte order.
package struct IPv4: Equatable, Sendable {
    let word: UInt32

    /// The numbers between the dots.
    package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        word = (UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)).bigEndian
    }

    init(word: UInt32) { self.word = word }

    /// Whether it never leaves the machine (127.0.0.0/8, RFC 1122 section 3.2.1.3).
    package var isLoopback: Bool { word.bigEndian >> 24 == 127 }
}

package enum SystemCalls {
    // MARK: Clocks

    /// Both clocks. The steady one counts from the start of the machine.
    package static func now() -> Now {
        Now(instant: Instant(nanoseconds: read(CLOCK_MONOTONIC)), stamp: Stamp(microseconds: read(CLOCK_REALTIME) / 1000))
    }

    package static func instant() -> Instant { Instant(nanoseconds: read(CLOCK_MONOTONIC)) }

    /// CPU that this process has used, user and system.
    package static func cpuTime() -> Instant { Instant(nanoseconds: read(CLOCK_PROCESS_CPUTIME_ID)) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        let result = clock_gettime(clock, &time)
        precondition(result == 0)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    // MARK: Waiting

    static func makeEpoll() -> Descriptor { must(epoll_create1(Int32(EPOLL_CLOEXEC))) }

    static func epollAdd(_ epoll: Descriptor, _ descriptor: Descriptor, _ interest: UInt32, token: UInt64) {
        control(epoll, EPOLL_CTL_ADD, descriptor, interest, token)
    }

    static func epollChange(_ epoll: Descriptor, _ descriptor: Descriptor, _ interest: UInt32, token: UInt64) {
        control(epoll, EPOLL_CTL_MOD, descriptor, interest, token)
    }

    private static func control(
        _ epoll: Descriptor, _ operation: Int32, _ descriptor: Descriptor, _ interest: UInt32, _ token: UInt64
    ) {
        var event = epoll_event()
        event.events = interest
        event.data.u64 = token
        let result = epoll_ctl(epoll, operation, descriptor, &event)
        precondition(result == 0, "epoll_ctl: \(SystemError(number: errno))")
    }

    /// - Parameter timeoutMs: 0 looks only.
    /// - Returns: how many of `events` are filled. An interruption counts as none: the caller has a clock to look at.
    static func epollWait(_ epoll: Descriptor, _ events: inout [epoll_event], timeoutMs: Int32) -> Int {
        let count = epoll_wait(epoll, &events, Int32(events.count), timeoutMs)
        if count >= 0 { return Int(count) }
        precondition(errno == EINTR, "epoll_wait: \(SystemError(number: errno))")
        return 0
    }

    static let readable = EPOLLIN.rawValue
    static let writable = EPOLLOUT.rawValue
    static let broken = EPOLLERR.rawValue | EPOLLHUP.rawValue

    /// A counter that one thread raises and another waits for.
    package static func makeEvent() -> Descriptor { must(eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))) }

    package static func raise(event: Descriptor) {
        var one: UInt64 = 1
        let count = retry { write(event, &one, 8) }
        precondition(count == 8 || errno == EAGAIN)
    }

    /// Makes an event of `makeEvent` quiet again: one read takes all that was raised.
    static func drain(event: Descriptor) {
        var count: UInt64 = 0
        _ = retry { Glibc.read(event, &count, 8) }
    }

    /// Takes what an event or signal descriptor has to say, so that it is quiet again.
    package static func drain(_ descriptor: Descriptor) {
        withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { room in
            while retry({ Glibc.read(descriptor, room.baseAddress, room.count) }) > 0 {}
        }
    }

    /// Waits in a helper thread. False: the time is over.
    package static func wait(_ descriptor: Descriptor, timeoutMs: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return retry { Int(poll(&entry, 1, timeoutMs)) } > 0
    }

    /// Makes SIGTERM and SIGINT readable instead of deadly, and SIGPIPE nothing. Before any thread is started.
    package static func stopSignals() -> Descriptor { must(fantail_stop_signals()) }

    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Makes SIGHUP readable instead of deadly. Before any thread is started.
    package static func reloadSignals() -> Descriptor { must(fantail_reload_signals()) }

    // MARK: Sockets

    /// A listening socket, not yet watched.
    static func listen(_ address: IPv4, port: UInt16) -> Result<Descriptor, SystemError> {
        let socket = fantail_tcp_socket()
        guard socket >= 0 else { return .failure(SystemError(number: errno)) }
        // Without it a restart would have to wait a minute for the last connections of its former life.
        precondition(fantail_enable(socket, SOL_SOCKET, SO_REUSEADDR) == 0)
        guard fantail_bind(socket, address.word, port) == 0, Glibc.listen(socket, ServiceLimits.backlogCountMax) == 0 else {
            let error = SystemError(number: errno)
            close(socket)
            return .failure(error)
        }
        return .success(socket)
    }

    enum Accepted {
        /// And where it comes from.
        case connection(Descriptor, IPv4)
        case nobody
        /// No descriptor or memory left; the connection waits.
        case exhausted(SystemError)
    }

    static func accept(_ listener: Descriptor) -> Accepted {
        while true {
            var address: UInt32 = 0
            let socket = fantail_accept(listener, &address)
            if socket >= 0 {
                noDelay(socket)
                return .connection(socket, IPv4(word: address))
            }
            switch errno {
            case EAGAIN: return .nobody
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(SystemError(number: errno))
            case EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP, EFAULT: preconditionFailure("accept4: \(SystemError(number: errno))")
            // The caller left before we came (accept(2), "Error handling"): the next one may still be there.
            default: continue
            }
        }
    }

    package enum Connecting {
        case connected(Descriptor)
        /// Writable when it is decided; then ask `socketError`.
        case underWay(Descriptor)
        case failed(SystemError)
    }

    /// - Parameter source: the address of ours that the other side sees; nil leaves it to the kernel.
    package static func connect(_ address: IPv4, port: UInt16, from source: IPv4? = nil) -> Connecting {
        let socket = fantail_tcp_socket()
        guard socket >= 0 else { return .failed(SystemError(number: errno)) }
        noDelay(socket)
        if let source {
            // The port is chosen by connect, which may give the same one to connections of different addresses (ip(7)).
            let isBound =
                fantail_enable(socket, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT) == 0 && fantail_bind(socket, source.word, 0) == 0
            guard isBound else {
                let error = SystemError(number: errno)
                close(socket)
                return .failed(error)
            }
        }
        if fantail_connect(socket, address.word, port) == 0 { return .connected(socket) }
        // An interrupted connect goes on by itself (connect(2)).
        if errno == EINPROGRESS || errno == EINTR { return .underWay(socket) }
        let error = SystemError(number: errno)
        close(socket)
        return .failed(error)
    }

    /// The error that waits at a socket, nil when it is well.
    static func socketError(_ socket: Descriptor) -> SystemError? {
        var number: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        let result = getsockopt(socket, SOL_SOCKET, SO_ERROR, &number, &size)
        precondition(result == 0)
        return number == 0 ? nil : SystemError(number: number)
    }

    private static func noDelay(_ socket: Descriptor) {
        // Batches are made by the tick, not by the kernel's waiting. Fails only for a socket that is already dead.
        _ = fantail_enable(socket, Int32(IPPROTO_TCP), TCP_NODELAY)
    }

    static func receive(_ socket: Descriptor, into room: UnsafeMutableRawBufferPointer) -> IOOutcome {
        outcome(retry { recv(socket, room.baseAddress, room.count, 0) })
    }

    /// Bytes that wait to be read.
    static func unreadBytes(_ socket: Descriptor) -> Int { Int(fantail_unread_bytes(socket)) }

    /// Bytes of a file, from the kernel's own memory; may wait for a disk that is cold.
    static func send(_ socket: Descriptor, _ file: FileHandle, offset: UInt64, count: UInt64) -> IOOutcome {
        var position = off_t(offset)
        return outcome(retry { sendfile(socket, file.rawValue, &position, Int(count)) })
    }

    /// Bytes of a file into memory; may wait for a disk that is cold.
    static func read(_ file: FileHandle, offset: UInt64, into room: UnsafeMutableRawBufferPointer) -> IOOutcome {
        outcome(retry { pread(file.rawValue, room.baseAddress, room.count, off_t(offset)) })
    }

    /// - Parameter hasMore: more is sent at once, and may share a packet with these.
    static func send(_ socket: Descriptor, _ bytes: UnsafeRawBufferPointer, hasMore: Bool = false) -> IOOutcome {
        let flags = Int32(MSG_NOSIGNAL) | (hasMore ? Int32(MSG_MORE) : 0)
        return outcome(retry { Glibc.send(socket, bytes.baseAddress, bytes.count, flags) })
    }

    /// Says that nothing more will be sent.
    static func endSending(_ socket: Descriptor) { _ = shutdown(socket, Int32(SHUT_WR)) }

    package static func close(_ descriptor: Descriptor) {
        // After EINTR Linux has closed it all the same (close(2)).
        let result = Glibc.close(descriptor)
        precondition(result == 0 || errno != EBADF, "closed twice")
    }

    /// Looks a host up; an address in dotted form costs nothing, a name may block for seconds.
    package static func resolve(_ host: String) -> Result<IPv4, ResolveError> {
        if let address = literal(host) { return .success(address) }
        var word: UInt32 = 0
        let error = fantail_resolve(host, &word)
        return error == 0 ? .success(IPv4(word: word)) : .failure(ResolveError(text: String(cString: gai_strerror(error))))
    }

    /// How patient lookups are from now on, unless the operator has said so in `RES_OPTIONS`. Before any thread is started.
    static func setLookupPatience(seconds: Int, tries: Int) {
        let result = setenv("RES_OPTIONS", "timeout:\(seconds) attempts:\(tries)", 0)
        precondition(result == 0, "setenv: \(SystemError(number: errno))")
    }

    package struct ResolveError: Error, Equatable, Sendable {
        package let text: String
        package init(text: String) { self.text = text }
    }

    /// The address that `host` spells in dotted form; nil for names.
    static func literal(_ host: String) -> IPv4? {
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1 ? IPv4(word: address.s_addr) : nil
    }

    // MARK: Files

    /// A whole file.
    /// - Returns: at most `limitBytes` + 1 bytes: one more than allowed tells the caller that it is too large.
    package static func readFile(_ path: String, limitBytes: Int) -> Result<[UInt8], SystemError> {
        let file = fantail_open_to_read(path)
        guard file >= 0 else { return .failure(SystemError(number: errno)) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 16 * 1024)
        while bytes.count <= limitBytes {
            let count = retry { Glibc.read(file, &room, min(room.count, limitBytes + 1 - bytes.count)) }
            guard count >= 0 else { return .failure(SystemError(number: errno)) }
            if count == 0 { break }
            bytes.append(contentsOf: room[0..<count])
        }
        return .success(bytes)
    }

    /// Whom a file lets in, as far as it matters for one that is secret.
    struct Openness: Equatable {
        /// Permission bits, and whether this process runs as its owner.
        let mode: UInt32
        let isOurs: Bool
    }

    /// Nil: the file is not there.
    static func openness(_ path: String) -> Openness? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Openness(mode: status.st_mode & 0o777, isOurs: status.st_uid == geteuid())
    }

    /// Makes a directory and those above it, for this user only (0700). One that exists is fine.
    package static func makeDirectories(_ path: String) -> SystemError? {
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += "\(part)/"
            if mkdir(made, 0o700) != 0 && errno != EEXIST { return SystemError(number: errno) }
        }
        return nil
    }

    /// Writes a line to stderr unless its reader is so far behind that we would have to wait.
    /// - Parameter line: at most PIPE_BUF (4096) bytes: a pipe that is ready takes that much at once (pipe(7)).
    /// - Returns: false when the line was dropped.
    static func log(_ line: [UInt8]) -> Bool {
        var entry = pollfd(fd: 2, events: Int16(POLLOUT), revents: 0)
        guard poll(&entry, 1, 0) == 1 else { return false }
        return retry { write(2, line, line.count) } == line.count
    }

    /// Writes a few lines for a person, waiting for the terminal if need be.
    package static func say(_ text: String, toErrors: Bool) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { bytes in retry { write(toErrors ? 2 : 1, bytes.baseAddress, bytes.count) } }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    // MARK: The process

    package static func exit(_ status: Int32) -> Never { Glibc.exit(status) }

    /// Lets this process open as many descriptors as the system allows it.
    package static func raiseDescriptorLimit() -> Int { Int(clamping: fantail_raise_descriptor_limit()) }

    package static func cpuMicroseconds() -> Int64 { fantail_cpu_microseconds() }

    /// Memory that is really there, bytes. Source: proc(5), statm, second number.
    package static func residentBytes() -> Int {
        guard case .success(let text) = readFile("/proc/self/statm", limitBytes: 256) else { return 0 }
        let words = text.split(separator: UInt8(ascii: " "))
        guard words.count > 1, let pages = Int(String(decoding: words[1], as: UTF8.self)) else { return 0 }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Descriptors that are open. Since Linux 6.2 their folder's size is their number (proc_pid_fd(5)); before, O(descriptors): a
    /// loop with 15,000 clients stood still for 25 ms at each look at its metrics.
    static func openDescriptorCount() -> Int {
        var folder = stat()
        if stat("/proc/self/fd", &folder) == 0, folder.st_size > 0 { return Int(folder.st_size) }
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // `.`, `..` and the descriptor of this very listing.
        return max(0, count - 3)
    }

    /// Starts a helper thread. For what must block, never for more.
    package static func startThread(_ body: @escaping @Sendable () -> Void) -> HelperThread {
        let box = Unmanaged.passRetained(ThreadBody(body))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        precondition(result == 0, "pthread_create: \(SystemError(number: result))")
        return HelperThread(thread: thread)
    }

    package struct HelperThread: Sendable {
        fileprivate let thread: pthread_t
        /// Waits for its end. This or `detach`, once.
        package func join() { pthread_join(thread, nil) }
        /// Lets it end by itself.
        func detach() { pthread_detach(thread) }
    }

    private final class ThreadBody: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    // MARK: Inside

    /// Repeats a call that a signal interrupted.
    @inline(__always) private static func retry(_ call: () -> Int) -> Int {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }

    private static func outcome(_ result: Int) -> IOOutcome {
        if result >= 0 { return .moved(result) }
        let number = errno
        if number == EAGAIN { return .wouldBlock }
        precondition(number != EBADF && number != ENOTSOCK && number != EFAULT, "socket: \(SystemError(number: number))")
        return .failed(SystemError(number: number))
    }

    /// For calls that fail only when the machine has nothing left at the very start.
    private static func must(_ descriptor: Descriptor) -> Descriptor {
        precondition(descriptor >= 0, "\(SystemError(number: errno))")
        return descriptor
    }
}
