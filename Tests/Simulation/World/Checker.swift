// The judge: hears what people wrote, sees what their devices show, and knows the rules. It takes no part.
//
// What it believes comes from outside the cluster: what a person wrote, what a device showed, what lies on the disk that
// survives. A core is asked for its load, its calls and whom it holds, no more. Each broken rule names the message it was
// broken for, so that the report can show that message's life.
//
//     CheckerStream.swift   what devices are shown
//     CheckerTicks.swift    what authors are told
//     CheckerGroups.swift   groups: their logs, and what is shown of them
//     CheckerGroupAnswers.swift, CheckerGroupTicks.swift, CheckerGroupDebt.swift   the same three for groups
//     CheckerGroupQuestions.swift   answers to questions about groups
//     CheckerTyping.swift, CheckerPresence.swift   who is shown to type, and to be here
//     CheckerPrivacy.swift  what people hide, and whom they have blocked
//     CheckerLoad.swift     what is given up, and in which order
//     CheckerConnections.swift   what should have ended
//     CheckerOwners.swift   whose shard is whose, epoch by epoch
//     CheckerDelay.swift    how long people wait when the last fault is over
//     CheckerDebt.swift     what is still owed when everything has healed

import ClientProtocol
import CoreKit
import Primitives

/// Which promise was broken.
public enum Rule: String, CaseIterable, Sendable {
    case loss = "no loss"
    case duplicate = "no duplicate on screen"
    case order
    case honestTicks = "honest ticks"
    case nobodyElse = "nobody else"
    case bounded
    case passing = "what is shown in passing is of now"
    case privacy = "what is hidden stays hidden"
    case temporary = "temporary is temporary"
    case recovery = "service returns by itself"
    case messagesFirst = "messages come first"
    case ownership = "one owner an epoch"
}

public struct Violation: Equatable, Sendable {
    public var rule: Rule
    public var moment: Moment
    public var expected: String
    public var found: String
    /// The message it is about.
    public var message: MessageID?
}

/// A set of devices, by index; a run has at most 64.
struct DeviceSet: Equatable, Sendable {
    private var bits: UInt64 = 0
    var isEmpty: Bool { bits == 0 }
    func contains(_ device: Int) -> Bool { bits & (1 << UInt64(device)) != 0 }
    mutating func insert(_ device: Int) { bits |= 1 << UInt64(device) }
}

/// A message as its author wrote it, and what became of it.
struct SentMessage: Sendable {
    let device: Int
    let to: Int
    let id: MessageID
    let body: [UInt8]
    let writtenAt: Moment
    /// Place among what this device wrote to this person.
    var place = 0
    /// Its author was told `sent`, and the store kept nothing: she was blocked.
    var wasUnkept = false
    /// When the author was told.
    var sentAt: Moment?
    /// In the addressee's inbox.
    var stamp: Stamp?
    var number: UInt64?
    var shownBy = DeviceSet()
    var copiedTo = DeviceSet()
    /// Of the author's devices: told that the addressee never came.
    var expiredAt = DeviceSet()
    /// The author's devices that were there when it was written, this one excepted.
    var siblings: [Int] = []

    init(device: Int, to: Int, id: MessageID, body: [UInt8], writtenAt: Moment) {
        self.device = device
        self.to = to
        self.id = id
        self.body = body
        self.writtenAt = writtenAt
    }
}

/// What one device has shown.
struct Screen {
    /// Where its stream began, once it has begun.
    var start: UInt64?
    var startedAt: Moment = 0
    var liveSince: Moment?
    var last: UInt64 = 0
    var lastStamp = Stamp.zero
    /// The highest number that its present connection has brought, counted from the cursor in `welcome`.
    var pushed: UInt64 = 0
    /// The newest message of each device that wrote here, by its place.
    var placeOfDevice: [Int]
    /// The newest line of each person that this connection has brought.
    var presence: [Int: PresenceLine] = [:]
    /// Who is shown to type, since when; and when each sign came last.
    var typing: [TypingSign: Moment] = [:]
    var typingSaid: [TypingSign: Moment] = [:]
    /// Of each peer.
    var delivered: [Stamp]
    var read: [Stamp]
    /// Numbers that it was told will never come, and when it was told last.
    var gaps: [ClosedRange<UInt64>] = []
    var gapAt: Moment?

    /// The newest number that was shown of each group, and the ticks in it.
    var groupLast: [UInt64]
    var groupDelivered: [Stamp]
    var groupRead: [Stamp]

    func isGap(_ number: UInt64) -> Bool { gaps.contains { $0.contains(number) } }
}

/// What names a message. An author who uses one id towards two people has written two messages.
struct MessageName: Hashable {
    let id: MessageID
    let to: Int
}

struct Checker {
    let shape: Shape
    private(set) var violation: Violation?
    /// What became of work, by class, at all processes.
    var loadCounts = WorkCounts()
    /// When a process refused messages last, as one of the overloaded does.
    var fullAt: Moment = 0
    var messages: [SentMessage] = []
    private var places: [MessageName: Int] = [:]
    /// Messages of one person to another: [author][addressee].
    var chats: [[[Int]]]
    private var written: [[Int]]
    var screens: [Screen]
    /// The newest stamp that a person marked as read, of each peer.
    var marks: [[Stamp]]
    var users: [UserID: Int] = [:]
    var groups: [GroupStory]
    var groupMessages: [GroupMessage] = []
    var groupPlaces: [MessageID: Int] = [:]
    var changes: [AskedChange] = []
    /// The newest stamp that a person marked as read in each group.
    var groupMarks: [[Stamp]]
    /// Of each person, the groups in her list and since when.
    var memberships: [[(since: Moment, titles: [UserID: String])]]
    /// Of each person, as the disk has them.
    var settings: [SettingsStory]
    /// Who has done something that counts for last seen.
    var hasActed: Set<Int> = []
    var settingsToldCount = 0
    var presenceShownCount = 0
    /// When each person said last that she types to somebody.
    var typed: [TypingName: Moment] = [:]
    var typingSaidCount = 0
    var typingShownCount = 0
    var groupShownCount = 0
    var groupAnswerCount = 0
    var groupLateCount = 0
    var groupRefusedCount = 0
    var groupTickCount = 0
    var shownCount = 0
    var copyCount = 0
    var gapCount = 0
    var expiredCount = 0
    /// When a device was last told that something expired.
    var expiredAt: Moment = 0
    var historyCount = 0

    init(shape: Shape) {
        self.shape = shape
        let userCount = shape.users.count
        precondition(shape.devices.count <= 64)
        chats = [[[Int]]](repeating: [[Int]](repeating: [], count: userCount), count: userCount)
        written = [[Int]](repeating: [Int](repeating: 0, count: userCount), count: shape.devices.count)
        marks = [[Stamp]](repeating: [Stamp](repeating: .zero, count: userCount), count: userCount)
        let groupCount = shape.groups.count
        groups = shape.groups.map { _ in GroupStory() }
        settings = shape.users.map { _ in SettingsStory() }
        memberships = shape.users.map { _ in [(0, [:])] }
        groupMarks = [[Stamp]](repeating: [Stamp](repeating: .zero, count: groupCount), count: userCount)
        screens = shape.devices.map { _ in
            Screen(
                placeOfDevice: [Int](repeating: 0, count: shape.devices.count),
                delivered: [Stamp](repeating: .zero, count: userCount), read: [Stamp](repeating: .zero, count: userCount),
                groupLast: [UInt64](repeating: 0, count: groupCount), groupDelivered: [Stamp](repeating: .zero, count: groupCount),
                groupRead: [Stamp](repeating: .zero, count: groupCount))
        }
        for (index, user) in shape.users.enumerated() { users[user] = index }
    }

    func userIndex(_ user: UserID) -> Int? { users[user] }

    func place(_ id: MessageID, to user: Int) -> Int? { places[MessageName(id: id, to: user)] }

    func isWritten(_ id: MessageID, to user: Int) -> Bool { place(id, to: user) != nil }

    func author(_ message: SentMessage) -> Int { shape.devices[message.device].user }

    /// Nothing is promised to somebody who breaks the rules.
    func isRude(_ device: Int) -> Bool { shape.isRude(shape.devices[device].user) }

    func name(_ device: Int) -> String { "\(shape.users[shape.devices[device].user])/\(shape.devices[device].name)" }

    /// Keeps the first violation: what follows from it is noise.
    mutating func fail(_ rule: Rule, _ moment: Moment, _ expected: String, _ found: String, _ message: MessageID? = nil) {
        guard violation == nil else { return }
        violation = Violation(rule: rule, moment: moment, expected: expected, found: found, message: message)
    }

    // MARK: What people do

    mutating func onWritten(_ message: SentMessage) {
        var message = message
        let author = shape.devices[message.device].user
        written[message.device][message.to] += 1
        message.place = written[message.device][message.to]
        // A sibling that came before this device's connection is known to whoever serves it.
        for (index, device) in shape.devices.enumerated()
        where device.user == author && index != message.device && screens[index].start != nil
            && (screens[message.device].liveSince ?? .max) > screens[index].startedAt
        {
            message.siblings.append(index)
        }
        places[MessageName(id: message.id, to: message.to)] = messages.count
        chats[author][message.to].append(messages.count)
        messages.append(message)
    }

    mutating func onMarked(user: Int, peer: Int, at: Stamp) { marks[user][peer] = Swift.max(marks[user][peer], at) }
}
