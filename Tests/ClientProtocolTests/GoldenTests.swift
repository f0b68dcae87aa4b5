// Every frame looks exactly like this, in both encodings, for ever.

import ClientProtocol
import Foundation
import Groups
import Primitives
import Privacy
import Testing

struct GoldenTests {
    @Test(arguments: Goldens.client)
    func clientFrameHasItsGoldenBytes(_ golden: Golden<ClientFrame>) throws {
        #expect(golden.frame.encoded(as: .json) == text(golden.json))
        #expect(golden.frame.encoded(as: .binary) == golden.bytes)
        #expect(try ClientFrame.decode(text(golden.json), as: .json) == golden.frame)
        #expect(try ClientFrame.decode(golden.bytes, as: .binary) == golden.frame)
    }

    @Test(arguments: Goldens.server)
    func serverFrameHasItsGoldenBytes(_ golden: Golden<ServerFrame>) throws {
        #expect(golden.frame.encoded(as: .json) == text(golden.json))
        #expect(golden.frame.encoded(as: .binary) == golden.bytes)
        #expect(try ServerFrame.decode(text(golden.json), as: .json) == golden.frame)
        #expect(try ServerFrame.decode(golden.bytes, as: .binary) == golden.frame)
    }

    @Test func framesAreAppendedBehindWhatTheBufferHolds() {
        for encoding in ClientEncoding.allCases {
            var out: [UInt8] = [1, 2, 3]
            ClientFrame.ack(upTo: 9).encode(as: encoding, into: &out)
            ServerFrame.gap(from: 1, to: 2).encode(as: encoding, into: &out)
            #expect(
                out == [1, 2, 3] + ClientFrame.ack(upTo: 9).encoded(as: encoding)
                    + ServerFrame.gap(from: 1, to: 2).encoded(as: encoding))
        }
    }

    @Test func theProtocolDocumentShowsTheGoldenFrames() throws {
        let document = try String(contentsOf: protocolDocument, encoding: .utf8)
        let golden = Goldens.client.map { ($0.name, $0.json, $0.hex) } + Goldens.server.map { ($0.name, $0.json, $0.hex) }
        for (name, json, hex) in golden {
            #expect(document.contains("`\(json)`"), "docs/protocol.md lacks the JSON of \(name): \(json)")
            #expect(document.contains("`\(hex)`"), "docs/protocol.md lacks the bytes of \(name): \(hex)")
        }
    }

    @Test func theProtocolDocumentListsEveryErrorCode() throws {
        let document = try String(contentsOf: protocolDocument, encoding: .utf8)
        for code in ErrorCode.allCases {
            #expect(document.contains("| \(code.rawValue) | `\(code.name)` |"), "docs/protocol.md lacks \(code.name)")
        }
        #expect(Set(ErrorCode.allCases.map(\.name)).count == ErrorCode.allCases.count)
    }

    @Test func everyLineOfTheDocumentsSessionIsAFrameAsItIsWritten() throws {
        let document = try String(contentsOf: protocolDocument, encoding: .utf8)
        var count = 0
        for line in document.split(separator: "\n") {
            let json = String(line.dropFirst(3))
            if line.hasPrefix("A> ") || line.hasPrefix("B> ") {
                #expect(try ClientFrame.decode(text(json), as: .json).encoded(as: .json) == text(json))
                count += 1
            } else if line.hasPrefix("A< ") || line.hasPrefix("B< ") {
                #expect(try ServerFrame.decode(text(json), as: .json)?.encoded(as: .json) == text(json))
                count += 1
            }
        }
        #expect(count > 15)
    }

    @Test func theProtocolDocumentPromisesTheRealBounds() throws {
        let document = try String(contentsOf: protocolDocument, encoding: .utf8)
        #expect(ClientLimits.bodyBytesMax == 65_536 && document.contains("0 to 65,536 bytes"))
        #expect(ClientLimits.clientFrameBytesMax == 394_240 && document.contains("394,240 bytes"))
        #expect(ClientLimits.serverFrameBytesMax == 458_752 && document.contains("458,752 bytes"))
        #expect(document.contains("1 to \(ClientLimits.historyEntryCountMax) entries, default \(ClientLimits.historyEntryCountDefault)"))
        #expect(document.contains("| title of a group | 1 to \(GroupLimits.titleBytesMax) bytes of UTF-8 |"))
        #expect(GroupLimits.descriptionBytesMax == 2_048 && document.contains("| description of a group | 0 to 2,048 bytes of UTF-8 |"))
        #expect(GroupLimits.memberCountDefault == 1_024 && GroupLimits.memberCountMax == 2_048)
        #expect(document.contains("| members of a group | 1,024 unless the operator says otherwise, never more than 2,048 |"))
        #expect(document.contains("| users in one change of a group | \(GroupLimits.changeUserCountMax) |"))
        #expect(document.contains("| groups in one `group.list` | \(ClientLimits.groupTitleCountMax) |"))
        #expect(document.contains("| people in one `presence` | 1 to \(ClientLimits.presenceUserCountMax) |"))
        #expect(document.contains("| people watched by one connection | \(ClientLimits.watchUserCountMax) |"))
        #expect(document.contains("| exceptions to who sees last seen | \(PrivacyLimits.exceptionCountMax) |"))
        #expect(PrivacyLimits.blockCountMax == 1_024 && document.contains("| blocked users | 1,024 |"))
        #expect(document.contains("at most \(ClientLimits.featureBytesMax) bytes of `a-z _ .`"))
        #expect(document.contains("more than \(ClientLimits.jsonMemberCountMax) fields, or nesting deeper than \(ClientLimits.jsonDepthMax)"))
    }

    private var protocolDocument: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../docs/protocol.md").standardized
    }
}

extension ClientFrame {
    func encoded(as encoding: ClientEncoding) -> [UInt8] {
        var out: [UInt8] = []
        encode(as: encoding, into: &out)
        return out
    }
}
