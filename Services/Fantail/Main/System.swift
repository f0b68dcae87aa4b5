// The floor on which this tool meets the machine: clocks, waiting, standard streams. Everything above speaks in values.

import CLinux
import Crypto
import FantailCLI
import Glibc
import Primitives

enum System {
    /// Both clocks.
    static func now() -> Now {
        var steady = timespec()
        var wall = timespec()
        clock_gettime(CLOCK_MONOTONIC, &steady)
        clock_gettime(CLOCK_REALTIME, &wall)
        return Now(
            instant: Instant(nanoseconds: Int64(steady.tv_sec) * 1_000_000_000 + Int64(steady.tv_nsec)),
            stamp: Stamp(microseconds: Int64(wall.tv_sec) * 1_000_000 + Int64(wall.tv_nsec) / 1_000))
    }

    /// Clock times of this machine's zone as it is now.
    static func clock() -> ClockText {
        var seconds = time(nil)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return ClockText(offsetSeconds: Int64(parts.tm_gmtoff))
    }

    /// Waits until a descriptor is ready or the deadline comes; a signal may end the wait early.
    /// - Parameter deadline: nil waits for ever.
    static func wait(_ descriptors: inout [pollfd], until deadline: Instant?) {
        var timeout: Int32 = -1
        if let deadline {
            let left = deadline - now().instant
            // Rounded up: waking before the deadline would only mean waiting again.
            timeout = Int32(clamping: max(0, (left.nanoseconds + 999_999) / 1_000_000))
        }
        if poll(&descriptors, nfds_t(descriptors.count), timeout) < 0 {
            for index in descriptors.indices { descriptors[index].revents = 0 }
        }
    }

    static func sleep(_ interval: Interval) {
        let deadline = now().instant + interval
        var nobody: [pollfd] = []
        while now().instant < deadline { wait(&nobody, until: deadline) }
    }

    static func random64() -> UInt64 { OpenSSLCrypto().randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) } }

    static func newMessageID() -> MessageID {
        MessageNames.name(randomBits: UInt128(random64()) << 64 | UInt128(random64()))
    }

    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Why the last call failed, in the machine's words.
    static var lastError: String { errorText(errno) }
    static func errorText(_ code: Int32) -> String { strerror(code).map { String(cString: $0) } ?? "error \(code)" }

    /// Writes everything to a blocking descriptor; a reader that left ends the process as it does in every pipe.
    static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                switch errno {
                case EINTR: continue
                case EAGAIN:
                    var ready = [pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)]
                    wait(&ready, until: nil)
                default: return
                }
            } else {
                rest = rest.dropFirst(count)
            }
        }
    }

    static func print(_ line: String) { write(line + "\n") }
    static func complain(_ line: String) { write("fantail: \(line)\n", to: STDERR_FILENO) }

    /// What is there to read: nil when nothing is yet, empty at the end.
    static func read(_ descriptor: Int32, upTo limit: Int = 64 * 1024) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = Glibc.read(descriptor, &bytes, limit)
        if count < 0 { return errno == EAGAIN || errno == EINTR ? nil : [] }
        return Array(bytes[..<count])
    }

    /// Whether reports on standard output may be styled, and in colours. Source: no-color.org.
    static var isStyled: Bool { isatty(STDOUT_FILENO) == 1 && environment("TERM") != "dumb" }
    static var hasColour: Bool { (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb" }

    static func print(_ rows: [Row]) {
        let (isStyled, hasColour) = (isStyled, hasColour)
        write(rows.map { $0.rendered(colour: hasColour, styled: isStyled) + "\n" }.joined())
    }
}
