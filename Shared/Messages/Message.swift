// Every message that services exchange, with its number. Numbers retire, they are never reborn.
//
// 1-15 edge, 16-31 delivery, 32-63 store requests, 64-95 answers, 96-127 presence. Next free: 13, 51, 83, 105.
// A newer release appends fields to the end of a payload; an older one ignores what it does not know, a newer one takes a
// missing field as absent.

import Primitives

/// A message between services. One case a message; the payload's own file says who sends it and what answers it.
public indirect enum Message: Equatable, Sendable {
    case clientInput(ClientInput)
    case clientOutput(ClientOutput)
    case closeConnection(CloseConnection)
    case attach(Attach)
    case attached(Attached)
    case detach(Detach)
    case featureRequest(FeatureRequest)
    case load(Load)
    case mediaRequest(MediaRequest)
    case hookBatch(HookBatch)
    case tokenRule(TokenRule)
    case epoch(EpochNews)
    case deliver(Deliver)
    case acknowledge(Acknowledge)
    case markRead(MarkRead)
    case historyQuery(HistoryQuery)
    case receipt(Receipt)
    case poke(Poke)
    case expiredReport(ExpiredReport)
    case groupSend(GroupSend)
    case groupAct(GroupAct)
    case groupQuery(GroupQuery)
    case membershipQuery(MembershipQuery)
    case fanOut(GroupBatch)
    case groupReceipts(GroupMarkBatch)
    case groupNotice(GroupNotice)
    case typing(Typing)
    case groupTyping(GroupTyping)
    case append(Append)
    case openDevice(OpenDevice)
    case readInbox(ReadInbox)
    case storeCursor(StoreCursor)
    case storeWatermark(StoreWatermark)
    case readWatermarks(ReadWatermarks)
    case readHead(ReadHead)
    case readHistory(ReadHistory)
    case appendGroup(AppendGroup)
    case readGroup(ReadGroup)
    case settleGroup(SettleGroup)
    case readPendingGroups(ReadPendingGroups)
    case storeGroupMarks(GroupMarkBatch)
    case readGroupMarks(ReadGroupMarks)
    case appendShared(GroupBatch)
    case readMemberships(ReadMemberships)
    case changeSettings(ChangeSettings)
    case readPresence(ReadPresence)
    case storeLastSeen(SeenBatch)
    case eraseInbox(EraseInbox)
    case readDevices(ReadDevices)
    /// The answer that carries nothing but its arrival.
    case done
    case appended(Appended)
    case deviceOpened(DeviceOpened)
    case inboxPage(InboxPage)
    case watermarkStored(WatermarkStored)
    case watermarkPage(WatermarkPage)
    case inboxHead(InboxHead)
    case historyPage(HistoryPage)
    case groupAppended(GroupAppended)
    case groupPage(GroupPage)
    case pendingGroups(PendingGroups)
    case groupMarks(GroupMarks)
    case sharedAppended(SharedAppended)
    case membershipPage(MembershipPage)
    case fannedOut(FannedOut)
    case groupMarked(GroupMarked)
    case settingsStored(SettingsStored)
    case presencePage(PresencePage)
    case groupMarksStored(GroupMarksStored)
    case inboxErased(InboxErased)
    case devicePage(DevicePage)
    case activity(SeenBatch)
    case appFront(AppFront)
    case presenceGone(PresenceGone)
    case presenceQuery(PresenceQuery)
    case settingsQuery(SettingsQuery)
    case lookUp(LookUp)
    case presenceLines(PresenceLines)
    case unwatch(Unwatch)
    case settingsNews(SettingsNews)

    /// The number on the wire.
    public var method: UInt16 {
        switch self {
        case .clientInput: 1
        case .clientOutput: 2
        case .closeConnection: 3
        case .attach: 4
        case .attached: 5
        case .detach: 6
        case .featureRequest: 7
        case .load: 8
        case .epoch: 10
        case .mediaRequest: 9
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

    /// Appends the payload; the frame around it carries `method`.
    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .clientInput(let payload): payload.encode(into: &writer)
        case .clientOutput(let payload): payload.encode(into: &writer)
        case .closeConnection(let payload): payload.encode(into: &writer)
        case .attach(let payload): payload.encode(into: &writer)
        case .attached(let payload): payload.encode(into: &writer)
        case .detach(let payload): payload.encode(into: &writer)
        case .featureRequest(let payload): payload.encode(into: &writer)
        case .load(let payload): payload.encode(into: &writer)
        case .epoch(let payload): payload.encode(into: &writer)
        case .mediaRequest(let payload): payload.encode(into: &writer)
        case .hookBatch(let payload): payload.encode(into: &writer)
        case .tokenRule(let payload): payload.encode(into: &writer)
        case .deliver(let payload): payload.encode(into: &writer)
        case .acknowledge(let payload): payload.encode(into: &writer)
        case .markRead(let payload): payload.encode(into: &writer)
        case .historyQuery(let payload): payload.encode(into: &writer)
        case .receipt(let payload): payload.encode(into: &writer)
        case .poke(let payload): payload.encode(into: &writer)
        case .expiredReport(let payload): payload.encode(into: &writer)
        case .groupSend(let payload): payload.encode(into: &writer)
        case .groupAct(let payload): payload.encode(into: &writer)
        case .groupQuery(let payload): payload.encode(into: &writer)
        case .membershipQuery(let payload): payload.encode(into: &writer)
        case .fanOut(let payload): payload.encode(into: &writer)
        case .groupReceipts(let payload): payload.encode(into: &writer)
        case .groupNotice(let payload): payload.encode(into: &writer)
        case .typing(let payload): payload.encode(into: &writer)
        case .groupTyping(let payload): payload.encode(into: &writer)
        case .append(let payload): payload.encode(into: &writer)
        case .openDevice(let payload): payload.encode(into: &writer)
        case .readInbox(let payload): payload.encode(into: &writer)
        case .storeCursor(let payload): payload.encode(into: &writer)
        case .storeWatermark(let payload): payload.encode(into: &writer)
        case .readWatermarks(let payload): payload.encode(into: &writer)
        case .readHead(let payload): payload.encode(into: &writer)
        case .readHistory(let payload): payload.encode(into: &writer)
        case .appendGroup(let payload): payload.encode(into: &writer)
        case .readGroup(let payload): payload.encode(into: &writer)
        case .settleGroup(let payload): payload.encode(into: &writer)
        case .readPendingGroups(let payload): payload.encode(into: &writer)
        case .storeGroupMarks(let payload): payload.encode(into: &writer)
        case .readGroupMarks(let payload): payload.encode(into: &writer)
        case .appendShared(let payload): payload.encode(into: &writer)
        case .readMemberships(let payload): payload.encode(into: &writer)
        case .changeSettings(let payload): payload.encode(into: &writer)
        case .readPresence(let payload): payload.encode(into: &writer)
        case .storeLastSeen(let payload): payload.encode(into: &writer)
        case .eraseInbox(let payload): payload.encode(into: &writer)
        case .readDevices(let payload): payload.encode(into: &writer)
        case .done: break
        case .appended(let payload): payload.encode(into: &writer)
        case .deviceOpened(let payload): payload.encode(into: &writer)
        case .inboxPage(let payload): payload.encode(into: &writer)
        case .watermarkStored(let payload): payload.encode(into: &writer)
        case .watermarkPage(let payload): payload.encode(into: &writer)
        case .inboxHead(let payload): payload.encode(into: &writer)
        case .historyPage(let payload): payload.encode(into: &writer)
        case .groupAppended(let payload): payload.encode(into: &writer)
        case .groupPage(let payload): payload.encode(into: &writer)
        case .pendingGroups(let payload): payload.encode(into: &writer)
        case .groupMarks(let payload): payload.encode(into: &writer)
        case .sharedAppended(let payload): payload.encode(into: &writer)
        case .membershipPage(let payload): payload.encode(into: &writer)
        case .fannedOut(let payload): payload.encode(into: &writer)
        case .groupMarked(let payload): payload.encode(into: &writer)
        case .settingsStored(let payload): payload.encode(into: &writer)
        case .presencePage(let payload): payload.encode(into: &writer)
        case .groupMarksStored(let payload): payload.encode(into: &writer)
        case .inboxErased(let payload): payload.encode(into: &writer)
        case .devicePage(let payload): payload.encode(into: &writer)
        case .activity(let payload): payload.encode(into: &writer)
        case .appFront(let payload): payload.encode(into: &writer)
        case .presenceGone(let payload): payload.encode(into: &writer)
        case .presenceQuery(let payload): payload.encode(into: &writer)
        case .settingsQuery(let payload): payload.encode(into: &writer)
        case .lookUp(let payload): payload.encode(into: &writer)
        case .presenceLines(let payload): payload.encode(into: &writer)
        case .unwatch(let payload): payload.encode(into: &writer)
        case .settingsNews(let payload): payload.encode(into: &writer)
        }
    }

    /// Reads the payload of `method`; nil when this release does not know the number.
    /// Bytes beyond the known fields belong to a newer release and are ignored.
    public init?(method: UInt16, from reader: inout ByteReader) throws(DecodeError) {
        switch method {
        case 1: self = .clientInput(try ClientInput(from: &reader))
        case 2: self = .clientOutput(try ClientOutput(from: &reader))
        case 3: self = .closeConnection(try CloseConnection(from: &reader))
        case 4: self = .attach(try Attach(from: &reader))
        case 5: self = .attached(try Attached(from: &reader))
        case 6: self = .detach(try Detach(from: &reader))
        case 7: self = .featureRequest(try FeatureRequest(from: &reader))
        case 8: self = .load(try Load(from: &reader))
        case 10: self = .epoch(try EpochNews(from: &reader))
        case 9: self = .mediaRequest(try MediaRequest(from: &reader))
        case 11: self = .hookBatch(try HookBatch(from: &reader))
        case 12: self = .tokenRule(try TokenRule(from: &reader))
        case 16: self = .deliver(try Deliver(from: &reader))
        case 17: self = .acknowledge(try Acknowledge(from: &reader))
        case 18: self = .markRead(try MarkRead(from: &reader))
        case 19: self = .historyQuery(try HistoryQuery(from: &reader))
        case 20: self = .receipt(try Receipt(from: &reader))
        case 21: self = .poke(try Poke(from: &reader))
        case 22: self = .expiredReport(try ExpiredReport(from: &reader))
        case 23: self = .groupSend(try GroupSend(from: &reader))
        case 24: self = .groupAct(try GroupAct(from: &reader))
        case 25: self = .groupQuery(try GroupQuery(from: &reader))
        case 26: self = .membershipQuery(try MembershipQuery(from: &reader))
        case 27: self = .fanOut(try GroupBatch(from: &reader))
        case 28: self = .groupReceipts(try GroupMarkBatch(from: &reader))
        case 29: self = .groupNotice(try GroupNotice(from: &reader))
        case 30: self = .typing(try Typing(from: &reader))
        case 31: self = .groupTyping(try GroupTyping(from: &reader))
        case 32: self = .append(try Append(from: &reader))
        case 33: self = .openDevice(try OpenDevice(from: &reader))
        case 34: self = .readInbox(try ReadInbox(from: &reader))
        case 35: self = .storeCursor(try StoreCursor(from: &reader))
        case 36: self = .storeWatermark(try StoreWatermark(from: &reader))
        case 37: self = .readWatermarks(try ReadWatermarks(from: &reader))
        case 38: self = .readHead(try ReadHead(from: &reader))
        case 39: self = .readHistory(try ReadHistory(from: &reader))
        case 40: self = .appendGroup(try AppendGroup(from: &reader))
        case 41: self = .readGroup(try ReadGroup(from: &reader))
        case 42: self = .settleGroup(try SettleGroup(from: &reader))
        case 43: self = .readPendingGroups(try ReadPendingGroups(from: &reader))
        case 44: self = .storeGroupMarks(try GroupMarkBatch(from: &reader))
        case 45: self = .readGroupMarks(try ReadGroupMarks(from: &reader))
        case 46: self = .appendShared(try GroupBatch(from: &reader))
        case 47: self = .readMemberships(try ReadMemberships(from: &reader))
        case 48: self = .changeSettings(try ChangeSettings(from: &reader))
        case 49: self = .readPresence(try ReadPresence(from: &reader))
        case 50: self = .storeLastSeen(try SeenBatch(from: &reader))
        case 51: self = .eraseInbox(try EraseInbox(from: &reader))
        case 52: self = .readDevices(try ReadDevices(from: &reader))
        case 64: self = .done
        case 65: self = .appended(try Appended(from: &reader))
        case 66: self = .deviceOpened(try DeviceOpened(from: &reader))
        case 67: self = .inboxPage(try InboxPage(from: &reader))
        case 68: self = .watermarkStored(try WatermarkStored(from: &reader))
        case 69: self = .watermarkPage(try WatermarkPage(from: &reader))
        case 70: self = .inboxHead(try InboxHead(from: &reader))
        case 71: self = .historyPage(try HistoryPage(from: &reader))
        case 72: self = .groupAppended(try GroupAppended(from: &reader))
        case 73: self = .groupPage(try GroupPage(from: &reader))
        case 74: self = .pendingGroups(try PendingGroups(from: &reader))
        case 75: self = .groupMarks(try GroupMarks(from: &reader))
        case 76: self = .sharedAppended(try SharedAppended(from: &reader))
        case 77: self = .membershipPage(try MembershipPage(from: &reader))
        case 78: self = .fannedOut(try FannedOut(from: &reader))
        case 79: self = .groupMarked(try GroupMarked(from: &reader))
        case 80: self = .settingsStored(try SettingsStored(from: &reader))
        case 81: self = .presencePage(try PresencePage(from: &reader))
        case 82: self = .groupMarksStored(try GroupMarksStored(from: &reader))
        case 83: self = .inboxErased(try InboxErased(from: &reader))
        case 84: self = .devicePage(try DevicePage(from: &reader))
        case 96: self = .activity(try SeenBatch(from: &reader))
        case 97: self = .appFront(try AppFront(from: &reader))
        case 98: self = .presenceGone(try PresenceGone(from: &reader))
        case 99: self = .presenceQuery(try PresenceQuery(from: &reader))
        case 100: self = .settingsQuery(try SettingsQuery(from: &reader))
        case 101: self = .lookUp(try LookUp(from: &reader))
        case 102: self = .presenceLines(try PresenceLines(from: &reader))
        case 103: self = .unwatch(try Unwatch(from: &reader))
        case 104: self = .settingsNews(try SettingsNews(from: &reader))
        default: return nil
        }
    }
}
