// Bytes of files, to and from the media service: one request a connection, the program waits.

import Cluster
import Crypto
import FantailCLI
import Glibc
import Media
import TLS

/// A file of this machine, read and described.
struct OutgoingFile: Sendable {
    let bytes: [UInt8]
    let file: MediaFile

    /// - Parameter isOpaque: false: as the end of its name says.
    /// - Throws: when there is none, it is empty or too large, or its name is too long.
    init(path: String, isOpaque: Bool = false) throws(CommandFailure) {
        let limit = Int(MediaLimits.fileBytesMax)
        guard !Files.isFolder(path), let bytes = try Files.read(path, limit: limit + 1) else { throw .failure("there is no file \(path)") }
        guard !bytes.isEmpty, bytes.count <= limit else { throw .failure("\(path) is empty, or larger than \(limit) bytes") }
        let kind = isOpaque ? nil : MediaWords.kind(ofFile: path)
        guard let file = MediaFile(
            name: String(path.split(separator: "/").last ?? "file"), mime: kind?.rawValue ?? "application/octet-stream",
            size: UInt64(bytes.count), hash: HexName.text(OpenSSLCrypto().sha256(bytes)), isOpaque: kind == nil)
        else { throw .failure("the name of \(path) is too long") }
        self.bytes = bytes
        self.file = file
    }
}

/// What came back.
struct TransferAnswer {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]
}

enum MediaTransfer {
    /// A connection on which nothing moves for so long is dead, seconds.
    private static let timeoutSeconds = 30
    /// An answer, bytes: the largest file and its head.
    private static let answerBytesMax = 101 * 1024 * 1024
    /// Bytes of one write.
    private static let pieceBytes = 256 * 1024

    /// Connections of one upload that may break before we give up.
    private static let tryCountMax = 5

    /// Goes on where a connection broke.
    static func upload(_ bytes: [UInt8], to url: String, _ trust: Trust) throws(CommandFailure) -> MediaReference {
        var offset = 0
        var trouble = CommandFailure.failure("the upload broke")
        for _ in 0..<tryCountMax {
            do throws(CommandFailure) {
                let answer = try request("PUT", url, trust, headers: [("Upload-Offset", String(offset))], body: bytes[offset...])
                if answer.status == 201, let reference = MediaWords.reference(in: String(decoding: answer.body, as: UTF8.self)) {
                    return reference
                }
                trouble = refusal(answer)
                guard answer.status == 409 else { throw trouble }
            } catch {
                trouble = error
            }
            let state = try request("HEAD", url, trust)
            guard state.status == 200, let there = state.headers["upload-offset"].flatMap({ Int($0) }), (0...bytes.count).contains(there)
            else { throw trouble }
            offset = there
        }
        throw trouble
    }

    /// The whole file, checked by its hash.
    static func download(_ url: String, _ trust: Trust) throws(CommandFailure) -> [UInt8] {
        let answer = try request("GET", url, trust)
        guard answer.status == 200 else { throw refusal(answer) }
        guard answer.headers["etag"] == "\"\(HexName.text(OpenSSLCrypto().sha256(answer.body)))\"" else {
            throw .failure("the file did not come whole; try again")
        }
        return answer.body
    }

    private static func refusal(_ answer: TransferAnswer) -> CommandFailure {
        let text = String(decoding: answer.body.prefix(200), as: UTF8.self)
        return .failure("the media service answered \(answer.status): \(Printable.line(text.filter { !$0.isNewline }))")
    }

    /// - Parameter url: as a link of the cluster spells it.
    /// - Throws: when the connection breaks; what it brought is then asked for again.
    private static func request(
        _ method: String, _ url: String, _ trust: Trust, headers: [(String, String)] = [], body: ArraySlice<UInt8> = []
    ) throws(CommandFailure) -> TransferAnswer {
        guard let link = WebLink(url) else { throw .failure("this is no link of a cluster: \(Printable.line(url))") }
        let address = link.address
        let descriptor = try Sockets.connect(to: address)
        _ = fcntl(descriptor, F_SETFL, 0)
        var timeout = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let context: TLSContext?
        do throws(CommandFailure) {
            context = link.isSecure ? try trust.context() : nil
        } catch {
            close(descriptor)
            throw error
        }
        let socket = ClientSocket(descriptor, trust: context, name: address.host)

        var head = "\(method) \(link.path) HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\n"
        if method == "PUT" { head += "Content-Length: \(body.count)\r\n" }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        // A server that refuses answers before it has read everything: what cannot be written is no reason not to read.
        if socket.write(Array((head + "\r\n").utf8)[...]) { _ = socket.write(body) }
        let answer = read(socket)
        if let failure = socket.failure, answer.isEmpty { throw .failure("no secure connection to \(address): \(failure)") }
        return try parse(answer, from: address)
    }

    private static func read(_ socket: ClientSocket) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: pieceBytes)
        while bytes.count <= answerBytesMax {
            let count = socket.read(into: &piece)
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        return bytes
    }

    private static func parse(_ bytes: [UInt8], from address: Address) throws(CommandFailure) -> TransferAnswer {
        guard let end = headEnd(bytes) else { throw .failure("no whole answer from \(address)") }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count > 1, let status = Int(words[1]) else { throw .failure("\(address) does not speak HTTP") }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " }) }
        }
        return TransferAnswer(status: status, headers: headers, body: Array(bytes[end...]))
    }

    /// Behind the empty line.
    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        let mark: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard bytes.count >= mark.count else { return nil }
        return (0...(bytes.count - mark.count)).first { bytes[$0] == 0x0D && bytes[$0...].starts(with: mark) }.map { $0 + mark.count }
    }
}
