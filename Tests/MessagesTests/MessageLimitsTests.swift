// The limits fit each other: the largest of everything goes into one frame.

import Groups
import Messages
import Primitives
import Privacy
import Testing

@Suite struct MessageLimitsTests {
    private typealias L = MessageLimits

    private let user = UserID(String(repeating: "u", count: UserID.bytesMax))!
    private let device = DeviceID(String(repeating: "d", count: DeviceID.bytesMax))!
    private let id = MessageID(String(repeating: "m", count: MessageID.bytesMax))!

    private var origin: Origin {
        Origin(
            gateway: NodeID(rawValue: .max), connection: ConnectionID(rawValue: .max), user: user, device: device,
            encoding: .binary, isAttached: true, hasSiblings: true)
    }

    private func entry(body: Int) -> InboxEntry {
        InboxEntry(
            number: .max, stamp: .max, kind: .message, author: user, chat: user, id: id,
            body: [UInt8](repeating: 0, count: body))
    }

    /// As many entries as a page may have, and bodies up to what a page may have.
    private var fullPage: [InboxEntry] {
        let share = L.pageBodyBytesMax / L.pageEntryCountMax
        return (0..<L.pageEntryCountMax).map { _ in entry(body: share) }
    }

    private func fits(_ message: Message) -> Bool {
        let bytes = encoded(message)
        return bytes.count <= L.payloadBytesMax && (try? decoded(message.method, bytes)) == message
    }

    @Test func aPageAlwaysHasRoomForOneEntry() {
        #expect(L.pageBodyBytesMax >= L.bodyBytesMax)
        #expect(fits(.inboxPage(InboxPage(entries: [entry(body: L.bodyBytesMax)], through: .max, head: .max))))
    }

    @Test func aFullPageOfLongestNamesFitsAFrame() {
        #expect(fits(.inboxPage(InboxPage(entries: fullPage, through: .max, head: .max))))
        #expect(fits(.historyPage(HistoryPage(entries: fullPage, hasMore: true))))
        // Even when a store stops only after the entry that went over the bound.
        let over = fullPage.dropLast() + [entry(body: L.bodyBytesMax)]
        #expect(fits(.inboxPage(InboxPage(entries: Array(over), through: .max, head: .max))))
        let watermark = Watermark(peer: user, kind: .read, upTo: .max, revision: .max)
        #expect(
            fits(.watermarkPage(WatermarkPage(watermarks: Array(repeating: watermark, count: L.watermarkCountMax), hasMore: true))))
        let item = ExpiredReport.Item(number: .max, author: user, id: id)
        #expect(fits(.expiredReport(ExpiredReport(owner: user, items: Array(repeating: item, count: L.expiredCountMax)))))
    }

    /// The longest names there are, all different and in order.
    private func names(_ count: Int) -> [UserID] {
        (0..<count).map { UserID(String(repeating: "u", count: UserID.bytesMax - 6) + String(100_000 + $0))! }
    }

    @Test func theLargestSettingsAndBatchesOfPresenceFit() {
        let settings = UserSettings(
            lastSeen: .nobody, exceptions: names(PrivacyLimits.exceptionCountMax), blocked: names(PrivacyLimits.blockCountMax),
            revision: .max)
        let place = ConnectionPlace(gateway: NodeID(rawValue: .max), connection: ConnectionID(rawValue: .max))
        #expect(fits(.settingsNews(SettingsNews(owner: user, settings: settings, author: place))))
        #expect(fits(.settingsStored(SettingsStored(outcome: .changed, settings: settings))))
        let seen = SeenBatch(items: names(L.seenCountMax).map { .init(user: $0, at: .max) })
        #expect(fits(.activity(seen)))
        #expect(fits(.storeLastSeen(seen)))
        #expect(fits(.presenceGone(PresenceGone(items: names(L.seenCountMax).map { .init(user: $0, place: place) }))))
        let asked = names(L.presenceUserCountMax)
        #expect(fits(.presenceQuery(PresenceQuery(origin: origin, reference: id, users: asked, isWatch: true))))
        #expect(fits(.lookUp(LookUp(viewer: user, users: asked, watcher: .init(place: place, encoding: .json)))))
        // A page stops behind the entry that went over its bound.
        let item = PresencePage.Item(lastSeen: .max, settings: settings)
        let one = encoded(.presencePage(PresencePage(items: [item]))).count
        #expect(L.presencePageBytesMax + one <= L.payloadBytesMax)
        let opened = DeviceOpened(
            outcome: .opened, cursor: .max, head: .max, headStamp: .max, delivered: .max, revision: .max,
            deviceCount: L.deviceCountMax, settings: settings)
        #expect(fits(.deviceOpened(opened)))
    }

    @Test func theLongestFramesFromAndToAClientFitAFrameOfOurs() {
        #expect(fits(.clientInput(ClientInput(origin: origin, bytes: [UInt8](repeating: 0, count: L.clientFrameBytesMax)))))
        #expect(
            fits(
                .clientOutput(
                    ClientOutput(connection: origin.connection, bytes: [UInt8](repeating: 0, count: L.clientOutputBytesMax)))))
        var writer = ByteWriter()
        Message.clientInput(ClientInput(origin: origin, bytes: [])).encode(into: &writer)
        #expect(writer.count < 128)
    }

    @Test func theLongestMessageFits() {
        let body = [UInt8](repeating: 0, count: L.bodyBytesMax)
        #expect(fits(.deliver(Deliver(origin: origin, to: user, id: id, after: id, body: body))))
        #expect(fits(.append(Append(owner: user, kind: .copy, author: user, chat: user, id: id, after: id, body: body))))
    }

    @Test func aBatchForTheLargestGroupFits() {
        func entry(body: Int) -> GroupEntry {
            GroupEntry(
                number: .max, stamp: .max, kind: .message, author: user, id: id, body: [UInt8](repeating: 0, count: body))
        }
        let title = String(repeating: "t", count: GroupLimits.titleBytesMax)
        let members = Array(repeating: user, count: GroupLimits.memberCountMax)
        let share = L.pageBodyBytesMax / L.fanOutEntryCountMax
        let entries = (1..<L.fanOutEntryCountMax).map { _ in entry(body: share) } + [entry(body: L.bodyBytesMax)]
        #expect(fits(.fanOut(GroupBatch(group: user, entries: entries, recipients: members, mark: .joined(title: title)))))
        #expect(fits(.appendShared(GroupBatch(group: user, entries: entries, recipients: members, mark: .none))))
        #expect(fits(.fannedOut(FannedOut(behind: members))))
        let item = SharedAppended.Item(storedCount: L.fanOutEntryCountMax, firstNumber: .max, isBehind: true)
        #expect(fits(.sharedAppended(SharedAppended(items: members.map { _ in item }))))
        let marks = (0..<L.groupMarkCountMax).map { _ in GroupMark(member: user, kind: .read, upTo: .max) }
        #expect(L.groupMarkCountMax >= GroupLimits.memberCountMax)
        #expect(fits(.groupReceipts(GroupMarkBatch(group: user, marks: marks))))
        #expect(fits(.storeGroupMarks(GroupMarkBatch(group: user, marks: marks))))
        #expect(fits(.groupMarked(GroupMarked(outcomes: marks.map { _ in .ahead }))))
    }

    @Test func fullPagesAboutGroupsFit() {
        let share = L.pageBodyBytesMax / L.pageEntryCountMax
        let entry = GroupEntry(
            number: .max, stamp: .max, kind: .event, author: user, id: id, body: [UInt8](repeating: 0, count: share))
        #expect(
            fits(
                .groupPage(
                    GroupPage(
                        entries: Array(repeating: entry, count: L.pageEntryCountMax), hasMore: true, head: .max,
                        headStamp: .max, eventNumber: .max, fannedOut: .max))))
        let groups = Array(repeating: user, count: L.pageEntryCountMax)
        #expect(fits(.pendingGroups(PendingGroups(groups: groups, hasMore: true))))
        let stand = GroupMarks.Item(member: user, wrote: .max, delivered: .max, read: .max)
        #expect(fits(.groupMarks(GroupMarks(items: groups.map { _ in stand }, hasMore: true))))
        let membership = MembershipPage.Item(group: user, title: String(repeating: "t", count: GroupLimits.titleBytesMax))
        let memberships = Array(repeating: membership, count: L.membershipCountMax)
        #expect(fits(.membershipPage(MembershipPage(items: memberships, hasMore: true))))
    }

    @Test func theLargestChangeFitsAnEntry() {
        let users = Array(repeating: user, count: GroupLimits.changeUserCountMax)
        let title = String(repeating: "t", count: GroupLimits.titleBytesMax)
        let change = GroupChange.create(title: title, users: users)
        #expect(change.bytes.count <= L.bodyBytesMax)
        #expect(fits(.groupAct(GroupAct(origin: origin, group: user, id: id, change: change))))
    }

    @Test func aFullyEscapedBodyFitsAClientFrame() {
        // Every byte of a body may become `\u0001`, six bytes; two names, an id and numbers stand around it.
        #expect(L.clientFrameBytesMax - 6 * L.bodyBytesMax >= 2 * UserID.bytesMax + 2 * MessageID.bytesMax + 256)
    }

    @Test func aFullyEscapedPageOfHistoryFitsAFrameToAClient() {
        // `{"type":"message","n":16 digits,"from":"","id":"","at":16 digits,"body":""},`
        let around = 17 + 5 + 16 + 10 + UserID.bytesMax + 8 + MessageID.bytesMax + 6 + 16 + 10 + 2
        #expect(around <= 400)
        #expect(L.historyEntryCountMax <= L.pageEntryCountMax)
        #expect(6 * L.pageBodyBytesMax + L.historyEntryCountMax * 400 + 256 <= L.clientOutputBytesMax)
    }

    @Test func aReasonFitsACloseFrameOfAWebSocket() {
        // RFC 6455, section 5.5: 125 bytes, two of them for the code.
        #expect(L.reasonBytesMax <= 123)
        #expect(fits(.closeConnection(CloseConnection(connection: origin.connection, code: 4000, reason: String(repeating: "r", count: L.reasonBytesMax)))))
    }
}
