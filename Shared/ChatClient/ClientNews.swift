// What a client remembers, what it has its owner do, what it tells a person, and how patient it is.

import ClientProtocol
import Groups
import Primitives
import Privacy

/// What a device must not forget between two runs.
public struct ClientMemory: Equatable, Sendable {
    /// The highest inbox number that was shown; nil: never connected.
    public var cursor: UInt64?
    /// Revision of the newest receipt that was shown.
    public var ticks: Stamp?
    /// The newest connection's number, by this device's own count.
    public var attempt: UInt64
    /// Messages without an answer, oldest first.
    public var outbox: [OutgoingMessage]
    /// Changes of groups without an answer, oldest first.
    public var changes: [OutgoingChange]

    public init(
        cursor: UInt64? = nil, ticks: Stamp? = nil, attempt: UInt64 = 0, outbox: [OutgoingMessage] = [],
        changes: [OutgoingChange] = []
    ) {
        self.cursor = cursor
        self.ticks = ticks
        self.attempt = attempt
        self.outbox = outbox
        self.changes = changes
    }
}

/// A message that was not answered yet.
public struct OutgoingMessage: Equatable, Sendable {
    public var id: MessageID
    public var to: UserID
    public var body: [UInt8]

    public init(id: MessageID, to: UserID, body: [UInt8]) {
        self.id = id
        self.to = to
        self.body = body
    }
}

/// A change of a group that was not answered yet.
public struct OutgoingChange: Equatable, Sendable {
    public var ref: MessageID
    /// Nil when the group is to be made.
    public var group: UserID?
    public var change: GroupChange

    public init(ref: MessageID, group: UserID?, change: GroupChange) {
        self.ref = ref
        self.group = group
        self.change = change
    }
}

/// What the owner of a client does for it.
public enum ClientAction: Equatable, Sendable {
    /// Open a WebSocket to some gateway, then call `onConnected`, or `onDisconnected` if it fails.
    case connect
    /// Close it; `onDisconnected` need not be called.
    case disconnect
    case transmit(ClientFrame)
    case tell(ClientNews)
}

/// What a person at the client wants to know.
public enum ClientNews: Equatable, Sendable {
    case online
    /// The next try comes in so many milliseconds.
    case offline(retryMs: Int64)
    /// A new entry of the inbox (`ServerFrame.isEntry`), each number once, in order.
    case entry(ServerFrame)
    /// These numbers will never come: they were dropped before this device had them.
    case gap(from: UInt64, to: UInt64)
    /// First tick.
    case sent(id: MessageID, to: UserID, at: Stamp)
    /// Refused for good; the message left the outbox.
    case failed(id: MessageID, ErrorFrame)
    case delivered(with: UserID, at: Stamp)
    case read(with: UserID, at: Stamp)
    case history(ref: MessageID?, entries: [ServerFrame], more: Bool)
    /// The cursor belongs to another inbox (the server was set up anew): the client starts over from what the server has.
    case cursorLost
    case refused(ErrorFrame)
    /// The change asked for under `ref` is entry `number` of `group`.
    case changed(ref: MessageID, group: UserID, number: UInt64, at: Stamp)
    /// Refused for good; nobody asks for it any more.
    case changeFailed(ref: MessageID, ErrorFrame)
    case groupInfo(ref: MessageID?, GroupInfo)
    case groupList(ref: MessageID?, groups: [GroupTitle], more: Bool)
    /// So many of the `of` others have, and have read, this person's message stamped `at`.
    case counts(group: UserID, at: Stamp, delivered: Int, read: Int, of: Int)
    /// So many members could not be reached for long with it; tries go on.
    case late(group: UserID, at: Stamp, count: Int)
    case receipts(ref: MessageID?, with: UserID, at: Stamp, entries: [ReceiptEntry])
    /// `from` begins to write to this person, or to `group`; false: not any more.
    case typing(from: UserID, group: UserID?, isOn: Bool)
    /// Who is here, and when the others were: the answer to `ref`, or news of those who are watched.
    case presence(ref: MessageID?, [PresenceLine])
    /// This person's settings: the answer to `ref`, or what another device of hers has changed.
    case settings(ref: MessageID?, UserSettings)
    /// Where to upload, or download, until then.
    case mediaLink(ref: MessageID, url: String, until: Stamp)
    case mediaKept(ref: MessageID)
}

public enum ClientTimes {
    /// Without `sent`, `noted` or `group.done` in this time the frame is repeated. A cluster that works answers in milliseconds; 5 s is the
    /// time after which its own calls between services have ended, one way or the other.
    public static let answerTimeout = Interval.seconds(5)
    /// Without a connection, and then without `welcome`, in this time the connection is given up. Longer than
    /// `answerTimeout`: a phone on a bad network needs several round trips to connect.
    public static let welcomeTimeout = Interval.seconds(10)
    /// Silence after which the connection counts as dead; the server pings every 30 s.
    public static let silenceMax = Interval.seconds(90)
    /// First wait before connecting again, and the longest; each is spread by half to one and a half.
    public static let reconnectFirst = Interval.milliseconds(250)
    public static let reconnectMax = Interval.seconds(30)
    /// Between two acks of one connection. Shorter than a person notices a tick to be late; at twice as much, the ticks of a
    /// group would take longer for this than for everything else.
    public static let ackPause = Interval.milliseconds(50)
    /// So much without an ack is acknowledged at once: a tenth of the entries and a quarter of the bodies' bytes that the
    /// server lets be in flight, so that it never waits for us.
    static let ackEntryCountMax = 50
    static let ackBytesMax = 8 * 1024
    /// Typing is said again after so long, while the person types: the server forgets it after 6 s, so that one may be lost.
    public static let typingRepeat = Interval.seconds(3)
    /// Typing of others that is not said again is hidden after so long.
    public static let typingShown = Interval.seconds(6)
    /// Who is watched is said again after so long: a shard that was restarted meanwhile has forgotten it.
    public static let watchRepeat = Interval.seconds(60)
    /// An app in front says again that its person is active after so long, when she is: the server believes it for 30 s.
    public static let activeRepeat = Interval.seconds(20)
    /// Wait after a refusal that time can heal and that names no time itself; doubled each time, up to the longest. What went before
    /// the refused may be stored within a second, so that much more would be idle.
    public static let retryDefault = Interval.milliseconds(250)
    public static let retryMax = Interval.seconds(2)
}
