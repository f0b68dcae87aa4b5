// One sample of every message with its bytes, and dice that make more of them.
//
// The bytes are written by hand from docs/rpc.md, field by field; a line that no longer fits means that two releases no
// longer understand each other.

import Messages
import Primitives
import Privacy
import Testing

let ana = UserID("ana")!
let bob = UserID("bob")!
let m1 = MessageID("m1")!
let m2 = MessageID("m2")!
let phone = DeviceID("d")!
let hi: [UInt8] = [0x68, 0x69]

/// Gateway 2, connection 7, ana on device d, JSON, attached, no other device.
let origin = Origin(
    gateway: NodeID(rawValue: 2), connection: ConnectionID(rawValue: 7), user: ana, device: phone, encoding: .json,
    isAttached: true, hasSiblings: false)
let originBytes = "02000000 0700000000000000 03616e61 0164 01 01 00"

/// The same before its hello was answered, with a token of microsecond 300.
let newcomer = Origin(
    gateway: NodeID(rawValue: 2), connection: ConnectionID(rawValue: 7), user: ana, device: phone, encoding: .json,
    isAttached: false, hasSiblings: false, issuedAt: Stamp(microseconds: 300))

struct Sample: Sendable, CustomTestStringConvertible {
    var method: UInt16
    var message: Message
    var hex: String

    init(_ method: UInt16, _ message: Message, _ hex: String) {
        self.method = method
        self.message = message
        self.hex = hex
    }

    var bytes: [UInt8] {
        let digits = hex.filter { $0 != " " }.utf8.map { UInt8($0 < 0x3A ? $0 - 0x30 : $0 - 0x57) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    var testDescription: String { "\(method)" }
}

/// Stamp 300 is the varint `ac02`, number 5 is `05`.
let samples: [Sample] = [
    Sample(1, .clientInput(ClientInput(origin: origin, bytes: hi)), originBytes + "02 6869"),
    Sample(1, .clientInput(ClientInput(origin: newcomer, bytes: hi)), "02000000 0700000000000000 03616e61 0164 01 00 00 ac02 02 6869"),
    Sample(2, .clientOutput(ClientOutput(connection: ConnectionID(rawValue: 7), bytes: hi)), "0700000000000000 02 6869"),
    Sample(
        3, .closeConnection(CloseConnection(connection: ConnectionID(rawValue: 7), code: 4001, reason: "no")),
        "0700000000000000 a10f 02 6e6f"),
    Sample(
        4, .attach(Attach(origin: origin, cursor: 5, revision: Stamp(microseconds: 300), isResume: true, attempt: 7)),
        originBytes + "01 05 01 ac02 01 01 07"),
    Sample(4, .attach(Attach(origin: origin, cursor: nil, revision: nil, isResume: false, attempt: nil)), originBytes + "00 00 00 00"),
    Sample(
        5,
        .attached(
            Attached(
                connection: ConnectionID(rawValue: 7), revision: Stamp(microseconds: 300), hasSiblings: true, attempt: 7)),
        "0700000000000000 ac02 01 01 07"),
    Sample(
        5,
        .attached(
            Attached(connection: ConnectionID(rawValue: 7), revision: Stamp(microseconds: 300), hasSiblings: false, attempt: nil)),
        "0700000000000000 ac02 00 00"),
    Sample(6, .detach(Detach(user: ana, connection: ConnectionID(rawValue: 7), hasMoved: true)), "03616e61 0700000000000000 01"),
    Sample(
        7, .featureRequest(FeatureRequest(origin: origin, feature: "group", reference: m1)),
        originBytes + "05 67726f7570 01 026d31"),
    Sample(
        7, .featureRequest(FeatureRequest(origin: origin, feature: "group", reference: nil)),
        originBytes + "05 67726f7570 00"),
    Sample(8, .load(Load(.full, admitPermille: 300)), "04 2c01"),
    Sample(8, .load(Load(.busy)), "01 e803"),
    Sample(10, .epoch(EpochNews(epoch: 300)), "2c01000000000000"),
    Sample(
        16, .deliver(Deliver(origin: origin, to: bob, id: m2, after: m1, body: hi)),
        originBytes + "03626f62 026d32 01 026d31 02 6869"),
    Sample(
        16, .deliver(Deliver(origin: origin, to: bob, id: m2, after: nil, body: [])),
        originBytes + "03626f62 026d32 00 00"),
    Sample(17, .acknowledge(Acknowledge(origin: origin, number: 300)), originBytes + "ac02"),
    Sample(
        18, .markRead(MarkRead(origin: origin, with: bob, stamp: Stamp(microseconds: 300))),
        originBytes + "03626f62 ac02"),
    Sample(
        19, .historyQuery(HistoryQuery(origin: origin, reference: m1, with: bob, before: 300, limit: 50)),
        originBytes + "01 026d31 01 03626f62 01 ac02 32"),
    Sample(
        19, .historyQuery(HistoryQuery(origin: origin, reference: nil, with: nil, before: nil, limit: 512)),
        originBytes + "00 00 00 8004"),
    Sample(
        20, .receipt(Receipt(author: ana, peer: bob, kind: .read, upTo: Stamp(microseconds: 300))),
        "03616e61 03626f62 02 ac02"),
    Sample(21, .poke(Poke(owner: ana)), "03616e61"),
    Sample(
        22, .expiredReport(ExpiredReport(owner: ana, items: [.init(number: 5, author: bob, id: m1)])),
        "03616e61 01 05 03626f62 026d31"),
    Sample(
        32, .append(Append(owner: bob, kind: .message, author: ana, chat: ana, id: m2, after: m1, body: hi)),
        "03626f62 01 03616e61 03616e61 026d32 01 026d31 02 6869 00"),
    Sample(
        32, .append(Append(owner: ana, kind: .expired, author: ana, chat: bob, id: m2, after: nil, body: [])),
        "03616e61 03 03616e61 03626f62 026d32 00 00 00"),
    Sample(
        32,
        .append(
            Append(
                owner: ana, kind: .copy, author: ana, chat: bob, id: m2, after: nil, body: [],
                messageStamp: Stamp(microseconds: 300))),
        "03616e61 02 03616e61 03626f62 026d32 00 00 01 ac02"),
    Sample(33, .openDevice(OpenDevice(owner: ana, device: phone, cursor: 300)), "03616e61 0164 01 ac02 00"),
    Sample(33, .openDevice(OpenDevice(owner: ana, device: phone, cursor: nil, issuedAt: Stamp(microseconds: 300))), "03616e61 0164 00 01 ac02"),
    Sample(34, .readInbox(ReadInbox(owner: ana, after: 5, limit: 300, headersOnly: true)), "03616e61 05 ac02 01"),
    Sample(35, .storeCursor(StoreCursor(owner: ana, device: phone, number: 300)), "03616e61 0164 ac02"),
    Sample(
        36, .storeWatermark(StoreWatermark(owner: ana, peer: bob, kind: .delivered, upTo: Stamp(microseconds: 300))),
        "03616e61 03626f62 01 ac02"),
    Sample(37, .readWatermarks(ReadWatermarks(owner: ana, after: Stamp(microseconds: 300))), "03616e61 ac02"),
    Sample(38, .readHead(ReadHead(owner: ana)), "03616e61"),
    Sample(
        39, .readHistory(ReadHistory(owner: ana, chat: bob, before: 300, limit: 50)), "03616e61 01 03626f62 01 ac02 32"),
    Sample(39, .readHistory(ReadHistory(owner: ana, chat: nil, before: nil, limit: 50)), "03616e61 00 00 32"),
    Sample(51, .eraseInbox(EraseInbox(owner: ana, after: 5, limit: 300)), "03616e61 05 ac02"),
    Sample(83, .inboxErased(InboxErased(through: 300, hasMore: true)), "ac02 01"),
    Sample(52, .readDevices(ReadDevices(owner: ana)), "03616e61"),
    Sample(
        84, .devicePage(DevicePage(devices: [.init(device: phone, cursor: 5, opened: Stamp(microseconds: 300))])), "01 0164 05 ac02"),
    Sample(64, .done, ""),
    Sample(
        65, .appended(Appended(outcome: .duplicate, number: 5, stamp: Stamp(microseconds: 300))), "02 05 ac02"),
    Sample(
        66,
        .deviceOpened(
            DeviceOpened(
                outcome: .opened, cursor: 1, head: 5, headStamp: Stamp(microseconds: 300), delivered: 2,
                revision: Stamp(microseconds: 128), deviceCount: 3,
                settings: UserSettings(readReceipts: false, blocked: [bob], revision: 5))),
        "01 01 05 ac02 02 8001 03 01 00 00 01 03626f62 05"),
    Sample(
        67,
        .inboxPage(
            InboxPage(
                entries: [
                    InboxEntry(
                        number: 5, stamp: Stamp(microseconds: 300), kind: .message, author: bob, chat: bob, id: m1,
                        body: hi)
                ], through: 5, head: 300)),
        "01 05 ac02 01 03626f62 03626f62 026d31 02 6869 05 ac02"),
    Sample(
        68,
        .watermarkStored(
            WatermarkStored(
                watermark: Watermark(
                    peer: bob, kind: .read, upTo: Stamp(microseconds: 300), revision: Stamp(microseconds: 128)),
                previous: Stamp(microseconds: 127))),
        "03626f62 02 ac02 8001 7f"),
    Sample(
        69,
        .watermarkPage(
            WatermarkPage(
                watermarks: [
                    Watermark(
                        peer: bob, kind: .delivered, upTo: Stamp(microseconds: 300), revision: Stamp(microseconds: 128))
                ], hasMore: true)),
        "01 03626f62 01 ac02 8001 01"),
    Sample(
        70,
        .inboxHead(
            InboxHead(head: 5, headStamp: Stamp(microseconds: 300), revision: Stamp(microseconds: 128))),
        "05 ac02 8001"),
    Sample(
        71,
        .historyPage(
            HistoryPage(
                entries: [
                    InboxEntry(
                        number: 5, stamp: Stamp(microseconds: 300), kind: .copy, author: ana, chat: bob, id: m1, body: [])
                ], hasMore: false)),
        "01 05 ac02 02 03616e61 03626f62 026d31 00 00"),
    Sample(
        71,
        .historyPage(
            HistoryPage(
                entries: [
                    InboxEntry(
                        number: 5, stamp: Stamp(microseconds: 300), kind: .groupMessage, author: ana, chat: bob, id: m1, body: [],
                        groupNumber: 300)
                ], hasMore: false)),
        "01 05 ac02 04 03616e61 03626f62 026d31 00 ac02 00"),
] + groupSamples + presenceSamples + mediaSamples + hookSamples

/// Names every case once: a new message does not build until it is thought of here, and then wants a sample above.
func sampleNumber(of message: Message) -> Int {
    switch message {
    case .clientInput: 1
    case .clientOutput: 2
    case .closeConnection: 3
    case .attach: 4
    case .attached: 5
    case .detach: 6
    case .featureRequest: 7
    case .load: 8
    case .mediaRequest: 9
    case .epoch: 10
    case .hookBatch: 11
    case .tokenRule: 12
    case .deliver: 16
    case .acknowledge: 17
    case .markRead: 18
    case .historyQuery: 19
    case .receipt: 20
    case .poke: 21
    case .expiredReport: 22
    case .groupSend: 23
    case .groupAct: 24
    case .groupQuery: 25
    case .membershipQuery: 26
    case .fanOut: 27
    case .groupReceipts: 28
    case .groupNotice: 29
    case .typing: 30
    case .groupTyping: 31
    case .append: 32
    case .openDevice: 33
    case .readInbox: 34
    case .storeCursor: 35
    case .storeWatermark: 36
    case .readWatermarks: 37
    case .readHead: 38
    case .readHistory: 39
    case .appendGroup: 40
    case .readGroup: 41
    case .settleGroup: 42
    case .readPendingGroups: 43
    case .storeGroupMarks: 44
    case .readGroupMarks: 45
    case .appendShared: 46
    case .readMemberships: 47
    case .changeSettings: 48
    case .readPresence: 49
    case .storeLastSeen: 50
    case .eraseInbox: 51
    case .readDevices: 52
    case .done: 64
    case .appended: 65
    case .deviceOpened: 66
    case .inboxPage: 67
    case .watermarkStored: 68
    case .watermarkPage: 69
    case .inboxHead: 70
    case .historyPage: 71
    case .groupAppended: 72
    case .groupPage: 73
    case .pendingGroups: 74
    case .groupMarks: 75
    case .sharedAppended: 76
    case .membershipPage: 77
    case .fannedOut: 78
    case .groupMarked: 79
    case .settingsStored: 80
    case .presencePage: 81
    case .groupMarksStored: 82
    case .inboxErased: 83
    case .devicePage: 84
    case .activity: 96
    case .appFront: 97
    case .presenceGone: 98
    case .presenceQuery: 99
    case .settingsQuery: 100
    case .lookUp: 101
    case .presenceLines: 102
    case .unwatch: 103
    case .settingsNews: 104
    }
}

/// A payload alone, without its frame.
func encoded(_ message: Message) -> [UInt8] {
    var writer = ByteWriter()
    message.encode(into: &writer)
    return writer.bytes
}

func decoded(_ method: UInt16, _ bytes: [UInt8]) throws(DecodeError) -> Message? {
    var reader = ByteReader(bytes)
    return try Message(method: method, from: &reader)
}

/// Draws fields of every size that they may have, the ends of each range more often than chance would.
struct MessageDice {
    var dice: SeededGenerator

    init(seed: UInt64) { dice = SeededGenerator(seed: seed) }

    mutating func name(_ limit: Int) -> String {
        let alphabet = Array("abcXYZ019._-@+:")
        let length = dice.oneIn(4) ? limit : 1 + dice.pick(0..<limit)
        return String((0..<length).map { _ in alphabet[dice.pick(0..<alphabet.count)] })
    }

    mutating func user() -> UserID { UserID(name(UserID.bytesMax))! }
    mutating func device() -> DeviceID { DeviceID(name(DeviceID.bytesMax))! }
    mutating func id() -> MessageID { MessageID(name(MessageID.bytesMax))! }
    mutating func number() -> UInt64 { dice.oneIn(8) ? .max : dice.next() >> UInt64(dice.pick(0..<64)) }
    mutating func stamp() -> Stamp { dice.oneIn(8) ? .max : Stamp(microseconds: Int64(dice.next() >> UInt64(11 + dice.pick(0..<52)))) }
    mutating func flag() -> Bool { dice.oneIn(2) }
    mutating func bytes(_ limit: Int) -> [UInt8] {
        let count = dice.oneIn(20) ? limit : dice.pick(0..<min(limit, 100))
        return (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    }
    mutating func maybe<T>(_ make: (inout MessageDice) -> T) -> T? { flag() ? make(&self) : nil }
    mutating func connection() -> ConnectionID { ConnectionID(rawValue: dice.next()) }
    mutating func limit() -> Int { 1 + dice.pick(0..<MessageLimits.pageEntryCountMax) }
    mutating func one<T: CaseIterable>(_: T.Type) -> T { Array(T.allCases)[dice.pick(0..<T.allCases.count)] }

    mutating func origin() -> Origin {
        Origin(
            gateway: NodeID(rawValue: UInt32(truncatingIfNeeded: dice.next())), connection: connection(), user: user(),
            device: device(), encoding: one(ClientEncoding.self), isAttached: flag(), hasSiblings: flag(), issuedAt: stamp())
    }

    mutating func entry() -> InboxEntry {
        let kind = one(InboxEntry.Kind.self)
        return InboxEntry(
            number: number(), stamp: stamp(), kind: kind, author: user(), chat: user(), id: id(), body: bytes(500),
            groupNumber: kind.isOfGroup ? number() : 0)
    }

    mutating func watermark() -> Watermark {
        Watermark(peer: user(), kind: one(ReceiptKind.self), upTo: stamp(), revision: stamp())
    }

    mutating func list<T>(_ limit: Int, _ make: (inout MessageDice) -> T) -> [T] {
        let count = dice.oneIn(10) ? limit : dice.pick(0..<5)
        return (0..<count).map { _ in make(&self) }
    }

    /// A message like `sample`, with other contents.
    mutating func message(like sample: Message) -> Message {
        typealias L = MessageLimits
        switch sample {
        case .clientInput: return .clientInput(.init(origin: origin(), bytes: bytes(L.clientFrameBytesMax)))
        case .clientOutput: return .clientOutput(.init(connection: connection(), bytes: bytes(L.clientOutputBytesMax)))
        case .closeConnection:
            return .closeConnection(
                .init(connection: connection(), code: UInt16(truncatingIfNeeded: dice.next()), reason: name(L.reasonBytesMax)))
        case .attach:
            return .attach(
                .init(
                    origin: origin(), cursor: maybe { $0.number() }, revision: maybe { $0.stamp() }, isResume: flag(),
                    attempt: maybe { $0.number() }))
        case .attached:
            return .attached(
                .init(connection: connection(), revision: stamp(), hasSiblings: flag(), attempt: maybe { $0.number() }))
        case .detach: return .detach(.init(user: user(), connection: connection(), hasMoved: flag()))
        case .featureRequest:
            return .featureRequest(.init(origin: origin(), feature: name(L.featureBytesMax), reference: maybe { $0.id() }))
        case .load:
            let level = LoadLevel(rawValue: UInt8(dice.pick(0..<LoadLevel.allCases.count)))!
            return .load(Load(level, admitPermille: level == .full ? UInt16(dice.pick(0..<1_001)) : 1_000))
        case .deliver:
            return .deliver(.init(origin: origin(), to: user(), id: id(), after: maybe { $0.id() }, body: bytes(L.bodyBytesMax)))
        case .acknowledge: return .acknowledge(.init(origin: origin(), number: number()))
        case .markRead: return .markRead(.init(origin: origin(), with: user(), stamp: stamp()))
        case .historyQuery:
            return .historyQuery(
                .init(origin: origin(), reference: maybe { $0.id() }, with: maybe { $0.user() }, before: maybe { $0.number() }, limit: limit()))
        case .receipt: return .receipt(.init(author: user(), peer: user(), kind: one(ReceiptKind.self), upTo: stamp()))
        case .poke: return .poke(.init(owner: user()))
        case .expiredReport:
            return .expiredReport(
                .init(owner: user(), items: list(L.expiredCountMax) { .init(number: $0.number(), author: $0.user(), id: $0.id()) }))
        case .append:
            return .append(
                .init(
                    owner: user(), kind: [.message, .copy, .expired][dice.pick(0..<3)], author: user(), chat: user(), id: id(),
                    after: maybe { $0.id() }, body: bytes(L.bodyBytesMax)))
        case .openDevice: return .openDevice(.init(owner: user(), device: device(), cursor: maybe { $0.number() }))
        case .readInbox: return .readInbox(.init(owner: user(), after: number(), limit: limit(), headersOnly: flag()))
        case .storeCursor: return .storeCursor(.init(owner: user(), device: device(), number: number()))
        case .storeWatermark:
            return .storeWatermark(.init(owner: user(), peer: user(), kind: one(ReceiptKind.self), upTo: stamp()))
        case .readWatermarks: return .readWatermarks(.init(owner: user(), after: stamp()))
        case .readHead: return .readHead(.init(owner: user()))
        case .readHistory:
            return .readHistory(.init(owner: user(), chat: maybe { $0.user() }, before: maybe { $0.number() }, limit: limit()))
        case .eraseInbox: return .eraseInbox(.init(owner: user(), after: number(), limit: limit()))
        case .inboxErased: return .inboxErased(.init(through: number(), hasMore: flag()))
        case .readDevices: return .readDevices(.init(owner: user()))
        case .devicePage:
            return .devicePage(.init(devices: list(L.deviceCountMax) { .init(device: $0.device(), cursor: $0.number(), opened: $0.stamp()) }))
        case .done: return .done
        case .appended: return .appended(.init(outcome: one(Appended.Outcome.self), number: number(), stamp: stamp()))
        case .deviceOpened:
            return .deviceOpened(
                .init(
                    outcome: one(DeviceOpened.Outcome.self), cursor: number(), head: number(), headStamp: stamp(),
                    delivered: number(), revision: stamp(), deviceCount: dice.pick(0..<L.deviceCountMax + 1),
                    settings: UserSettings(readReceipts: flag(), revision: number())))
        case .inboxPage:
            return .inboxPage(.init(entries: list(L.pageEntryCountMax) { $0.entry() }, through: number(), head: number()))
        case .watermarkStored: return .watermarkStored(.init(watermark: watermark(), previous: stamp()))
        case .watermarkPage:
            return .watermarkPage(.init(watermarks: list(L.watermarkCountMax) { $0.watermark() }, hasMore: flag()))
        case .inboxHead: return .inboxHead(.init(head: number(), headStamp: stamp(), revision: stamp()))
        case .historyPage: return .historyPage(.init(entries: list(L.pageEntryCountMax) { $0.entry() }, hasMore: flag()))
        case .mediaRequest: return mediaMessage()
        case .hookBatch: return hookMessage()
        case .tokenRule: return .tokenRule(TokenRule(connection: connection(), before: stamp()))
        case .epoch: return .epoch(EpochNews(epoch: dice.next()))
        default: return groupMessage(like: sample) ?? presenceMessage(like: sample)!
        }
    }
}
