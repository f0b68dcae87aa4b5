// Two ends of a connection in memory, and files for them.

import Foundation
import Primitives
import TLS

/// Papers as files of one test.
final class PaperFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "fantail-tls-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and says where.
    func file(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        return file
    }

    func server() throws -> TLSFiles {
        TLSFiles(certificate: try file("tls.crt", Papers.server), key: try file("tls.key", Papers.serverKey))
    }

    func peer(_ name: String, _ certificate: String, _ key: String) throws -> TLSFiles {
        TLSFiles(
            certificate: try file("\(name).crt", certificate), key: try file("\(name).key", key),
            authority: try file("ca.crt", Papers.authority), name: name)
    }

    func trust(_ authority: String = Papers.authority) throws -> TLSContext {
        TLSContext.trustingFile(try file("trusted.crt", authority))
    }
}

extension TLSContext {
    fileprivate static func trustingFile(_ path: String) -> TLSContext {
        guard let context = try? TLSContext(trusting: path) else { preconditionFailure("no authority in \(path)") }
        return context
    }
}

/// A moment at which all papers hold.
let today = Stamp(microseconds: 1_800_000_000 * 1_000_000)

/// A client and a server, each with a wire of its own, and bytes between them in pieces of any size.
final class Pair {
    let clientWire = TLSWire()
    let serverWire = TLSWire()
    let client: TLSStream
    let server: TLSStream
    private(set) var clientHeard: [UInt8] = []
    private(set) var serverHeard: [UInt8] = []
    /// On their way.
    private var toServer: [UInt8] = []
    private var toClient: [UInt8] = []
    private let piece: Int
    private var room = [UInt8](repeating: 0, count: 64 * 1024)

    init(_ clientContext: TLSContext, _ serverContext: TLSContext, name: String = "localhost", piece: Int = TLSLimits.readBytesMax) {
        client = TLSStream(dialing: clientContext, name: name, wire: clientWire)
        server = TLSStream(accepting: serverContext, wire: serverWire)
        self.piece = piece
        client.begin()
        collect()
    }

    private func collect() {
        toServer += clientWire.sealed
        toClient += serverWire.sealed
        clientWire.sealed = []
        serverWire.sealed = []
    }

    /// Moves bytes until nobody has anything to say, or one side has given up.
    func settle() {
        while (!toServer.isEmpty && server.failure == nil) || (!toClient.isEmpty && client.failure == nil) {
            if server.failure == nil { serverHeard += move(&toServer, serverWire, server) }
            collect()
            if client.failure == nil { clientHeard += move(&toClient, clientWire, client) }
            collect()
        }
    }

    private func move(_ bytes: inout [UInt8], _ wire: TLSWire, _ stream: TLSStream) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        let count = min(piece, bytes.count)
        bytes.withUnsafeBytes { wire.room.baseAddress!.copyMemory(from: $0.baseAddress!, byteCount: count) }
        bytes.removeFirst(count)
        let taken = room.withUnsafeMutableBytes { stream.open(count, into: $0) }
        return Array(room[..<taken])
    }

    func say(_ bytes: [UInt8], fromClient: Bool) {
        for start in stride(from: 0, to: bytes.count, by: TLSLimits.sealBytesMax) {
            bytes[start..<min(bytes.count, start + TLSLimits.sealBytesMax)].withUnsafeBytes { (fromClient ? client : server).seal($0) }
        }
        collect()
    }

    func end(fromClient: Bool) {
        (fromClient ? client : server).end()
        collect()
    }
}

/// What a server makes of bytes that are no client's.
func reaction(to bytes: [UInt8], of context: TLSContext) -> (failure: TLSFailure?, saidBytes: Int) {
    let wire = TLSWire()
    let server = TLSStream(accepting: context, wire: wire)
    var room = [UInt8](repeating: 0, count: 64 * 1024)
    var rest = bytes[...]
    while !rest.isEmpty, server.failure == nil {
        let part = Array(rest.prefix(4_096))
        rest = rest.dropFirst(part.count)
        part.withUnsafeBytes { wire.room.baseAddress!.copyMemory(from: $0.baseAddress!, byteCount: part.count) }
        _ = room.withUnsafeMutableBytes { server.open(part.count, into: $0) }
    }
    return (server.failure, wire.sealed.count)
}
