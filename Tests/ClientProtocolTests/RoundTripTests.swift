// What was written is read again, in both encodings, and by a JSON reader that is not ours.

import ClientProtocol
import Foundation
import Primitives
import Testing

struct RoundTripTests {
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func clientFramesComeBackFromBothEncodings(seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let frame = dice.clientFrame()
            for encoding in ClientEncoding.allCases {
                #expect(try ClientFrame.decode(frame.encoded(as: encoding), as: encoding) == frame)
            }
        }
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func serverFramesComeBackFromBothEncodings(seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let frame = dice.serverFrame()
            for encoding in ClientEncoding.allCases {
                #expect(try ServerFrame.decode(frame.encoded(as: encoding), as: encoding) == frame)
            }
        }
    }

    @Test func anotherJSONReaderReadsTheSameBody() throws {
        var dice = SeededGenerator(seed: 99)
        for _ in 0..<1_000 {
            let body = dice.body()
            let json = ServerFrame.message(number: 1, from: ana, id: id("m"), at: .zero, body: body).encoded(as: .json)
            let object = try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
            #expect((object["body"] as? String).map { Array($0.utf8) } == body)
        }
    }

    @Test func whatAnotherJSONWriterWroteIsRead() throws {
        var dice = SeededGenerator(seed: 100)
        for _ in 0..<1_000 {
            let body = dice.body()
            let fields: [String: Any] = [
                "type": "send", "id": "m", "to": "bob", "body": String(decoding: body, as: UTF8.self), "extra": [1, ["a": NSNull()]],
            ]
            let json = Array(try JSONSerialization.data(withJSONObject: fields, options: dice.oneIn(2) ? [.prettyPrinted] : []))
            #expect(try ClientFrame.decode(json, as: .json) == .send(id: id("m"), to: bob, body: body, after: nil))
        }
    }

    @Test func theLongestBodyPassesInBothEncodingsEvenWhenEveryByteNeedsAnEscape() throws {
        for byte in [0x00, 0x22, 0x61] as [UInt8] {
            let body = [UInt8](repeating: byte, count: ClientLimits.bodyBytesMax)
            let frame = ClientFrame.send(
                id: id(String(repeating: "i", count: 64)), to: UserID(String(repeating: "u", count: 64))!, body: body,
                after: id(String(repeating: "p", count: 64)))
            for encoding in ClientEncoding.allCases {
                let bytes = frame.encoded(as: encoding)
                #expect(bytes.count <= ClientLimits.clientFrameBytesMax)
                #expect(try ClientFrame.decode(bytes, as: encoding) == frame)
            }
        }
    }

    @Test func theLargestPageOfHistoryFitsItsBound() throws {
        let share = ClientLimits.bodyBytesMax / ClientLimits.historyEntryCountMax
        let most = Stamp.max
        let entry = ServerFrame.message(
            number: ClientLimits.numberMax, from: UserID(String(repeating: "u", count: 64))!,
            id: id(String(repeating: "i", count: 64)), at: most, body: [UInt8](repeating: 1, count: share))
        let page = ServerFrame.history(
            ref: id(String(repeating: "r", count: 64)),
            entries: [ServerFrame](repeating: entry, count: ClientLimits.historyEntryCountMax), more: true)
        for encoding in ClientEncoding.allCases {
            let bytes = page.encoded(as: encoding)
            #expect(bytes.count <= ClientLimits.serverFrameBytesMax)
            #expect(try ServerFrame.decode(bytes, as: encoding) == page)
        }
    }
}
