// Files on their way: a thread for each connection, which waits; the server is what is measured.

import BenchKit
import ChatClient
import ClientProtocol
import Cluster
import Crypto
import FantailCLI
import Glibc
import Media
import Primitives
import ServiceKit
import Synchronization
import TLS
import WebSocket

/// Random bytes, and what is announced of them.
final class TransferFile: Sendable {
    let bytes: [UInt8]
    let announced: MediaFile

    init(bytes: [UInt8]) {
        self.bytes = bytes
        announced = MediaFile(
            name: "bench", mime: "application/octet-stream", size: UInt64(bytes.count), hash: HexName.text(OpenSSLCrypto().sha256(bytes)),
            isOpaque: true)!
    }
}

/// One request, as often as one likes.
struct Transfer: Sendable {
    let file: TransferFile
    let address: Address
    /// Nil: without TLS.
    let trust: TLSContext?
    let isPut: Bool
    /// The hash of what comes is looked at.
    private(set) var isChecked: Bool
    let head: [UInt8]

    /// - Parameter trust: whom to believe where a link begins with https.
    init(_ file: TransferFile, put url: String, trust: TLSContext? = nil) throws(CommandFailure) {
        try self.init(file, "PUT", url, trust, isChecked: false)
    }

    init(_ file: TransferFile, get url: String, trust: TLSContext? = nil, isChecked: Bool) throws(CommandFailure) {
        try self.init(file, "GET", url, trust, isChecked: isChecked)
    }

    private init(_ file: TransferFile, _ method: String, _ url: String, _ trust: TLSContext?, isChecked: Bool) throws(CommandFailure) {
        guard let link = WebLink(url), !link.isSecure || trust != nil else { throw .failure("\(Printable.line(url)) is no link that bench can follow") }
        self.file = file
        address = link.address
        self.trust = link.isSecure ? trust : nil
        self.isChecked = isChecked
        isPut = method == "PUT"
        head = Array(
            "\(method) \(link.path) HTTP/1.1\r\nHost: \(address)\r\n\(method == "PUT" ? "Content-Length: \(file.bytes.count)\r\n" : "")\r\n".utf8)
    }

    var unchecked: Transfer {
        var other = self
        other.isChecked = false
        return other
    }
}

/// Threads that share the work.
final class TransferCrew: Sendable {
    struct Account: Sendable {
        var bytes: UInt64 = 0
        var requests: UInt64 = 0
        var failures: UInt64 = 0
        fileprivate var next = 0
        fileprivate var answers: [String]
    }

    private let transfers: [Transfer]
    private let deadline: Instant?
    private let account: Mutex<Account>

    init(_ transfers: [Transfer], until deadline: Instant?) {
        self.transfers = transfers
        self.deadline = deadline
        account = Mutex(Account(answers: Array(repeating: "", count: transfers.count)))
    }

    /// What was done, and for each transfer the last answer's body, if it was not a file.
    var outcome: (Account, [String]) { account.withLock { ($0, $0.answers) } }

    func work() {
        let wire = TransferWire()
        while let index = take() {
            let transfer = transfers[index]
            let answer = wire.perform(transfer)
            account.withLock {
                $0.requests += 1
                $0.bytes += answer.bytes
                if !answer.isRight { $0.failures += 1 }
                $0.answers[index] = answer.text
            }
        }
    }

    private func take() -> Int? {
        account.withLock { account in
            if let deadline {
                guard SystemCalls.instant() < deadline else { return nil }
            } else {
                guard account.next < transfers.count else { return nil }
            }
            defer { account.next += 1 }
            return account.next % transfers.count
        }
    }
}

/// One connection, kept if the server keeps it.
private final class TransferWire {
    struct Answer {
        var isRight = false
        /// Of files, in either direction.
        var bytes: UInt64 = 0
        var text = ""
    }

    private static let timeoutSeconds = 60
    private static let headBytesMax = 16 * 1024
    private var socket: ClientSocket?
    private var address: Address?
    private var buffer = [UInt8](repeating: 0, count: 1024 * 1024)

    func perform(_ transfer: Transfer) -> Answer {
        if socket == nil || address != transfer.address {
            guard let made = Self.connect(transfer.address) else { return Answer() }
            (socket, address) = (ClientSocket(made, trust: transfer.trust, name: transfer.address.host), transfer.address)
        }
        guard let socket, socket.write(transfer.head[...]), !transfer.isPut || socket.write(transfer.file.bytes[...]),
            let answer = receive(transfer, socket)
        else {
            socket = nil
            return Answer()
        }
        return answer
    }

    /// A socket that waits.
    static func connect(_ address: Address) -> Int32? {
        guard case .success(let host) = SystemCalls.resolve(address.host) else { return nil }
        let made: Int32
        switch SystemCalls.connect(host, port: address.port) {
        case .connected(let socket): made = socket
        case .underWay(let socket):
            var entry = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
            guard poll(&entry, 1, Int32(timeoutSeconds * 1000)) == 1 else {
                close(socket)
                return nil
            }
            made = socket
        case .failed: return nil
        }
        _ = fcntl(made, F_SETFL, 0)
        var timeout = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        return made
    }

    /// Nil when no whole answer came.
    private func receive(_ transfer: Transfer, _ socket: ClientSocket) -> Answer? {
        var head: [UInt8] = []
        var end: Int?
        while end == nil {
            let count = socket.read(into: &buffer)
            guard count > 0, head.count < Self.headBytesMax + buffer.count else { return nil }
            let from = max(0, head.count - 3)
            head += buffer[..<count]
            end = Self.headEnd(head, from: from)
        }
        let lines = String(decoding: head[..<end!], as: UTF8.self).split(separator: "\r\n")
        let words = lines[0].split(separator: " ")
        var length: Int?
        var keepsOpen = true
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = parts[1].drop { $0 == " " }
            if parts[0].lowercased() == "content-length" { length = Int(value) }
            if parts[0].lowercased() == "connection", value.lowercased() == "close" { keepsOpen = false }
        }
        let status = words.count > 1 ? Int(words[1]) ?? 0 : 0
        guard let length = status == 204 ? 0 : length else { return nil }
        var got = head.count - end!
        var body = transfer.isChecked || transfer.isPut ? Array(head[end!...]) : []
        while got < length {
            let count = socket.read(into: &buffer, limit: length - got)
            guard count > 0 else { return nil }
            if transfer.isChecked || transfer.isPut { body += buffer[..<count] }
            got += count
        }
        if !keepsOpen { self.socket = nil }
        if transfer.isPut {
            return Answer(
                isRight: [200, 201, 204].contains(status), bytes: UInt64(transfer.file.bytes.count), text: String(decoding: body, as: UTF8.self))
        }
        let isWhole = status == 200 && length == transfer.file.bytes.count
        return Answer(isRight: isWhole && (!transfer.isChecked || body == transfer.file.bytes), bytes: UInt64(length))
    }

    private static func headEnd(_ bytes: [UInt8], from: Int) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (from...(bytes.count - 4)).first { bytes[$0] == 0x0D && bytes[$0...].starts(with: [0x0D, 0x0A, 0x0D, 0x0A]) }.map { $0 + 4 }
    }
}

/// A user on the chat's socket who asks for links, one after the other.
final class MediaAsker {
    private let socket: ClientSocket
    private var connection: ClientConnection
    private var events: [ClientConnectionEvent] = []
    private var count = 0

    init(_ home: ClusterHome, user: UserID) throws(CommandFailure) {
        let crypto = OpenSSLCrypto()
        guard let door = home.map.nodes(of: .gateway).first?.client, let made = TransferWire.connect(door) else {
            throw .failure("no gateway answers")
        }
        socket = ClientSocket(made, trust: home.trust, name: door.host)
        do throws(ClientHandshakeFailure) {
            connection = try ClientConnection(
                host: "\(door)", token: home.mint(user), encoding: .binary,
                dice: SeededGenerator(seed: crypto.randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) }), sha1: { crypto.sha1($0) })
        } catch {
            throw .failure("\(error)")
        }
        try exchange { if case .open = $0 { true } else { nil } }
        connection.transmit(.hello(cursor: nil, ticks: nil, attempt: nil))
        try exchange { if case .frame(.welcome) = $0 { true } else { nil } }
    }

    func upload(_ file: MediaFile) throws(CommandFailure) -> String {
        try ask { .mediaUpload(ref: $0, file: file) }
    }

    func download(_ reference: MediaReference) throws(CommandFailure) -> String {
        try ask { .mediaLink(ref: $0, reference) }
    }

    private func ask(_ question: (MessageID) -> ClientFrame) throws(CommandFailure) -> String {
        count += 1
        connection.transmit(question(MessageID("m\(count)")!))
        var refusal: ErrorFrame?
        let url: String = try exchange { event in
            switch event {
            case .frame(.mediaUpload(_, let url, _)), .frame(.mediaLink(_, let url, _)): return url
            case .frame(.error(let error)):
                refusal = error
                return ""
            default: return nil
            }
        }
        if let refusal { throw .failure("the cluster gives no link: \(refusal.code.name)") }
        return url
    }

    /// Says what there is to say and waits for what is wanted.
    @discardableResult private func exchange<Value>(_ wanted: (ClientConnectionEvent) -> Value?) throws(CommandFailure) -> Value {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let outbound = connection.takeOutbound()
            if !outbound.isEmpty, !socket.write(outbound[...]) { throw .failure("the gateway has gone\(socket.failure.map { ": \($0)" } ?? "")") }
            while !events.isEmpty {
                let event = events.removeFirst()
                if case .ended(_, let why) = event { throw .failure("the gateway ended the connection: \(Printable.line(why))") }
                if let value = wanted(event) { return value }
            }
            let count = socket.read(into: &buffer)
            guard count > 0 else { throw .failure("the gateway has gone") }
            connection.receive(buffer[..<count], into: &events)
        }
    }
}
