// Tells a receiver, one delivery a connection: a POST, signed, and whatever it answers with 2xx is a yes.

import CLinux
import Cluster
import CoreKit
import Crypto
import Glibc
import Primitives
import TLS

public enum HookPosterLimits {
    /// To connect, and between two bytes, milliseconds.
    static let silenceTimeoutMs = 5_000
    /// From the connection to the answer, milliseconds; a last silence may come to it.
    static let exchangeTimeoutMs = 15_000
    /// Of the receiver's answer only its first line matters.
    static let answerBytesMax = 4 * 1024
    /// What is kept of an error, bytes.
    static let errorBytesMax = 200
    /// Threads that post. A receiver that hangs holds one of them for its patience; four keep a healthy one busy.
    public static let threadCount = 4
}

public struct HookPoster: HookWorking {
    private let url: WebhookURL
    /// With each of them every delivery is signed.
    private let keys: [[UInt8]]
    private let trust: TLSContext?
    private let version: String
    private let crypto = OpenSSLCrypto()

    /// - Parameters:
    ///   - keys: 1 or more, of `webhook.keys`.
    ///   - trust: whom to believe; needed for `https`.
    public init(url: WebhookURL, keys: [[UInt8]], trust: TLSContext?, version: String) {
        precondition(!keys.isEmpty)
        precondition(trust != nil || !url.isSecure)
        self.url = url
        self.keys = keys
        self.trust = trust
        self.version = version
    }

    public mutating func close() {}

    public mutating func carryOut(_ order: HookOrder, now: Stamp) -> HookOutcome {
        guard case .post(_, let number, let body) = order.work else { preconditionFailure("only posts come here") }
        do throws(PostFailure) {
            let status = try exchange(number, body)
            return HookOutcome(order.ticket, (200...299).contains(status) ? .posted : .failed("status \(status)"))
        } catch {
            return HookOutcome(order.ticket, .failed(String(error.text.prefix(HookPosterLimits.errorBytesMax))))
        }
    }

    private struct PostFailure: Error {
        var text: String
    }

    private func exchange(_ number: Int64, _ body: [UInt8]) throws(PostFailure) -> Int {
        let deadlineMs = Self.milliseconds() + Int64(HookPosterLimits.exchangeTimeoutMs)
        let socket = ClientSocket(try connect(), trust: url.isSecure ? trust : nil, name: url.address.host)
        socket.deadlineMs = deadlineMs
        func broken(_ what: String) -> PostFailure { PostFailure(text: socket.failure.map { "\($0)" } ?? what) }
        guard socket.write(request(number, body)[...]) else { throw broken("the connection broke") }
        var answer: [UInt8] = []
        var room = [UInt8](repeating: 0, count: HookPosterLimits.answerBytesMax)
        while !answer.contains(0x0A) {
            guard answer.count < HookPosterLimits.answerBytesMax else { throw PostFailure(text: "it does not speak HTTP") }
            guard Self.milliseconds() < deadlineMs else { throw PostFailure(text: "no answer in time") }
            let count = socket.read(into: &room)
            guard count > 0 else { throw broken("no answer") }
            answer += room[..<count]
        }
        let words = String(decoding: answer.prefix { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self).split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw PostFailure(text: "it does not speak HTTP")
        }
        return status
    }

    private func request(_ number: Int64, _ body: [UInt8]) -> [UInt8] {
        let time = String(Int64(Glibc.time(nil)))
        let signed = Array("\(time).".utf8) + body
        let signatures = keys.map { "v1=" + Self.hex(crypto.hmacSHA256(key: $0, message: signed)) }
        var head = "POST \(url.path) HTTP/1.1\r\nHost: \(url.authority)\r\nUser-Agent: Fantail/\(version)\r\n"
        head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\nConnection: close\r\n"
        head += "Fantail-Delivery: \(number)\r\nFantail-Signature: t=\(time),\(signatures.joined(separator: ","))\r\n\r\n"
        return Array(head.utf8) + body
    }

    private func connect() throws(PostFailure) -> Int32 {
        var address: UInt32 = 0
        guard fantail_resolve(url.address.host, &address) == 0 else { throw PostFailure(text: "\(url.address.host) cannot be resolved") }
        let made = fantail_tcp_socket()
        guard made >= 0 else { throw PostFailure(text: Self.reason) }
        guard fantail_connect(made, address, url.address.port) == 0 || errno == EINPROGRESS || errno == EINTR else {
            defer { Glibc.close(made) }
            throw PostFailure(text: Self.reason)
        }
        var entry = pollfd(fd: made, events: Int16(POLLOUT), revents: 0)
        var number: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard poll(&entry, 1, Int32(HookPosterLimits.silenceTimeoutMs)) > 0 else {
            Glibc.close(made)
            throw PostFailure(text: "no answer to a connection")
        }
        getsockopt(made, SOL_SOCKET, SO_ERROR, &number, &size)
        guard number == 0 else {
            Glibc.close(made)
            throw PostFailure(text: String(cString: strerror(number)))
        }
        // From here on it waits, but not for ever.
        _ = fcntl(made, F_SETFL, fcntl(made, F_GETFL) & ~Int32(O_NONBLOCK))
        var patience = timeval(tv_sec: HookPosterLimits.silenceTimeoutMs / 1_000, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(made, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        return made
    }

    private static var reason: String { String(cString: strerror(errno)) }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    private static func milliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
