// What a run does, as a value: facts about the members in, orders out. The machine's side (sockets, /proc, the terminal) obeys
// and never decides; so a scenario can be played in a test without a cluster.

import ChatClient
import FantailCLI
import Primitives

/// What a scenario wants done, in this order.
public enum ScenarioOrder: Equatable, Sendable {
    /// Let a member connect and stay.
    case start(Int)
    /// The same, at this gateway, counted as in the cluster file; from there it goes on as any client does.
    case startAt(Int, gateway: Int)
    /// Kill the process of a gateway, counted likewise, by SIGKILL.
    case killGateway(Int)
    /// Kill the processes of all nodes likewise, as a power cut would.
    case killAll
    /// Let a member leave for good.
    case stop(Int)
    /// Cut a member's connection without a word; its client comes back by its own rules.
    case cut(Int)
    /// Hand a message to a member's client.
    case send(Int, OutgoingMessage)
    /// The same for what the member's app writes by itself, without its person.
    case sendByApp(Int, OutgoingMessage)
    /// Let a member's client say that everything of a user up to a stamp was read.
    case markRead(Int, UserID, Stamp)
    /// Let a member's person type to somebody, and put the app in front.
    case type(Int, UserID)
    /// Put the app in front, and let it watch whether somebody is online from now on.
    case watch(Int, UserID)
    /// Let a member's client ask whether somebody is online.
    case askPresence(Int, UserID)
    /// Hand a change of a group to a member's client.
    case change(Int, OutgoingChange)
    /// Look at processes and counters now.
    case sample(SamplePoint)
}

/// Why processes were looked at; figures are differences between two of these.
public enum SamplePoint: Int, Sendable, CaseIterable {
    /// Before the first connection.
    case empty
    /// The work that is measured begins.
    case begin
    /// It is done.
    case end
    /// A second stretch of work, where a scenario has two.
    case laterBegin
    case laterEnd
    /// Nothing more happens; everybody is still connected.
    case last

    /// Memory is looked at where nothing is being measured: it walks page tables.
    public var hasMemory: Bool { self == .empty || self == .last }
}

/// Where a run is, for the progress line.
public enum ScenarioPhase: String, Sendable {
    case connecting
    case joining = "making groups"
    case settling
    case warming = "warming up"
    case measuring
    case storming = "too much"
    case releasing = "letting go"
    case draining
    case storing
    case returning
    /// The last phase: the loop ends.
    case over
}

public protocol Scenario: Sendable {
    associatedtype Book: MessageLedger

    var phase: ScenarioPhase { get }
    var roster: Roster { get }
    var ledger: Book { get }
    /// When `onTime` must be called next; nil: nothing is planned.
    var deadline: Instant? { get }

    mutating func begin(now: Instant)
    mutating func on(_ news: ClientNews, of member: Int, now: Instant)
    mutating func onTime(now: Instant)
    /// A second has passed: what its receipts took, for the curve.
    mutating func takeRecent() -> LatencyHistogram
    mutating func takeOrders() -> [ScenarioOrder]
    /// Every `BenchLimits.loadEvery` all services are asked for their load.
    var watchesLoad: Bool { get }
    /// What they said, by node; nil for one that did not answer.
    mutating func onLoad(_ loads: [NodeLoad?], now: Instant)
}

extension Scenario {
    public var watchesLoad: Bool { false }
    public mutating func onLoad(_ loads: [NodeLoad?], now: Instant) {}
}
