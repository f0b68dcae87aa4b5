// One request at a time to the object store, over one connection that is kept. HTTP/1.1, as much of it as a store needs.

import Cluster
import Media

/// What the store said.
struct ObjectAnswer {
    var status: Int
    /// `Content-Length`; nil when it is not told, and then the connection is not used again.
    var bodyBytes: UInt64?
    /// The word that names an error, like `NoSuchKey`; empty when there is none.
    var code = ""
}

/// A request but for its signature.
struct ObjectRequest {
    var method: String
    /// Nothing in it needs to be escaped.
    var path: String
    var range: Range<UInt64>?
    /// An open file, how many bytes of it, and their hash.
    var body: (file: Int32, count: UInt64, hash: String)?
}

final class ObjectClient {
    private let place: ObjectStorePlace
    private let signer: RequestSigner
    private var wire: Wire?
    /// Until then it is taken to be away; steady clock, nanoseconds.
    private var awayUntil: Int64 = 0
    private var awayText = ""

    private static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    init(_ place: ObjectStorePlace, _ signer: RequestSigner) {
        self.place = place
        self.signer = signer
    }

    /// - Parameter take: is given the body of a good answer in pieces.
    /// - Throws: when there is no whole answer.
    func ask(_ request: ObjectRequest, take: (ArraySlice<UInt8>) throws(WireFailure) -> Void = { _ in }) throws(WireFailure) -> ObjectAnswer {
        guard Machine.instant() >= awayUntil else { throw WireFailure(text: awayText) }
        do throws(WireFailure) {
            // A connection that was kept may have been ended by the other side; then nothing was heard, and it is tried once more.
            if let kept = wire {
                kept.hasHeard = false
                do throws(WireFailure) {
                    return try exchange(request, on: kept, take)
                } catch {
                    wire = nil
                    if kept.hasHeard { throw error }
                }
            }
            let made = try Wire(host: place.address.host, port: place.address.port)
            wire = made
            return try exchange(request, on: made, take)
        } catch {
            wire = nil
            awayText = "\(place.address): \(error.text)"
            awayUntil = Machine.instant() + MediaLimits.storeAwayPause.nanoseconds
            throw WireFailure(text: awayText)
        }
    }

    private func exchange(
        _ request: ObjectRequest, on wire: Wire, _ take: (ArraySlice<UInt8>) throws(WireFailure) -> Void
    ) throws(WireFailure) -> ObjectAnswer {
        do throws(WireFailure) {
            try wire.send(Array(head(of: request).utf8))
            if let body = request.body { try wire.send(file: body.file, count: body.count) }
        } catch {
            // It may have answered before it read everything, and that is worth more than "broken pipe".
            guard let (answer, _) = try? readHead(wire) else { throw error }
            self.wire = nil
            return answer
        }
        var (answer, keepsOpen) = try readHead(wire)
        let isGood = (200...299).contains(answer.status)
        var left = answer.status == 204 ? 0 : answer.bodyBytes ?? 0
        var text: [UInt8] = []
        if !isGood, left > UInt64(MediaLimits.storeTextBytesMax) { (left, keepsOpen) = (UInt64(MediaLimits.storeTextBytesMax), false) }
        while left > 0 {
            let piece = try wire.receive(max: Int(min(left, UInt64(Int32.max))))
            left -= UInt64(piece.count)
            if isGood { try take(piece) } else { text += piece }
        }
        if answer.status != 204, answer.bodyBytes == nil { keepsOpen = false }
        if !keepsOpen { self.wire = nil }
        if !isGood { answer.code = Self.code(in: text) }
        return answer
    }

    private func head(of request: ObjectRequest) -> String {
        let time = Machine.signingTime()
        let hash = request.body?.hash ?? Self.emptyHash
        let headers = [("host", "\(place.address)"), ("x-amz-content-sha256", hash), ("x-amz-date", time)]
        let authorization = signer.authorization(request.method, request.path, headers: headers.map { ($0.0, $0.1) }, payloadHash: hash, time: time)
        var text = "\(request.method) \(request.path) HTTP/1.1\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        text += "authorization: \(authorization)\r\n"
        if let range = request.range { text += "range: bytes=\(range.lowerBound)-\(range.upperBound - 1)\r\n" }
        if let body = request.body { text += "content-length: \(body.count)\r\ncontent-type: application/octet-stream\r\n" }
        return text + "\r\n"
    }

    /// Up to the empty line, a byte at a time out of what is held.
    private func readHead(_ wire: Wire) throws(WireFailure) -> (ObjectAnswer, keepsOpen: Bool) {
        while true {
            var head: [UInt8] = []
            while !head.suffix(4).elementsEqual([0x0D, 0x0A, 0x0D, 0x0A]) {
                guard head.count < MediaLimits.storeHeadBytesMax else { throw WireFailure(text: "an answer without an end of its head") }
                head += try wire.receive(max: 1)
            }
            let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
            let words = lines.first?.split(separator: " ") ?? []
            guard words.count > 1, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { throw WireFailure(text: "it does not speak HTTP") }
            if status == 100 { continue }
            var answer = ObjectAnswer(status: status)
            var keepsOpen = words[0] == "HTTP/1.1"
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2 else { continue }
                let value = parts[1].drop { $0 == " " }
                switch parts[0].lowercased() {
                case "content-length": answer.bodyBytes = UInt64(value)
                case "connection": if value.lowercased() == "close" { keepsOpen = false }
                default: break
                }
            }
            return (answer, keepsOpen)
        }
    }

    /// Between `<Code>` and `</Code>`.
    private static func code(in text: [UInt8]) -> String {
        let words = String(decoding: text, as: UTF8.self).split(separator: "<")
        return words.first { $0.hasPrefix("Code>") }.map { String($0.dropFirst("Code>".count).prefix(64)) } ?? ""
    }
}
