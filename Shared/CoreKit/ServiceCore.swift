// What every service is: a state machine that takes facts and gives orders.
//
// The loop (or the simulator) hands in one event at a time with the time; the core appends effects. Same events, same
// effects, always. `flush` ends each tick: what gathered meanwhile leaves in one batch.

import Cluster
import Messages
import Primitives
import RPC
import Storage

/// A fact.
public enum Event: Equatable, Sendable {
    case peerUp(NodeID)
    /// Calls to the peer that were in flight have been refused with `peerDown` or are about to be.
    case peerDown(NodeID)
    /// By which cluster file a peer that is up goes, when that changes; one that has just come goes by the same.
    case epoch(NodeID, EpochRelation)
    /// This process goes by a newer cluster file from here on. Peers that left are down already.
    indirect case clusterChanged(ClusterMap)
    /// A one-way message.
    case received(NodeID, Message)
    /// A request; answer it once with `Effect.answer` or `Effect.refuse`, now or later.
    case requested(RemoteCall, Message)
    /// The end of a call made with `Effect.call`.
    case answered(CallID, Message)
    case refused(CallID, Refusal)
    /// Some timer of the core is due.
    case deadline
    /// The tick ends: nothing more arrives before the effects are obeyed.
    case flush
    /// Sockets of clients; only services with a door for clients see these.
    case clientAccepted(SocketID, from: ClientAddress? = nil)
    case clientReceived(SocketID, ArraySlice<UInt8>)
    case clientClosed(SocketID)
    /// The end of the batch ordered with `Effect.commit`; only persistence sees these.
    case committed([StoreAnswer])
    case commitFailed(StoreFailure)
    /// Only media and api see these.
    case disk(DiskEvent)
}

/// An order. A plain value; orders are obeyed in the order they were given.
public enum Effect: Equatable, Sendable {
    /// One-way; lost when the peer is down or dies.
    case send(NodeID, Message)
    /// Ends with `Event.answered` or `Event.refused` under the same `CallID`, which must not be in flight already.
    case call(NodeID, CallID, Message)
    case answer(RemoteCall, Message)
    case refuse(RemoteCall, Refusal)
    case writeClient(SocketID, [UInt8])
    /// After what was written before has left.
    case closeClient(SocketID)
    /// One at a time: the next one only after `Event.committed` or `Event.commitFailed`.
    case commit([StoreRequest])
    /// Files, in their order; the sockets in it are clients.
    case disk(DiskEffect)
    case log(LogRecord)
    case trace(TraceRecord)
}

/// A service's state machine.
public protocol ServiceCore {
    /// Takes one fact, appends orders. Reads no clock, rolls no dice that were not handed in.
    mutating func on(_ event: Event, now: Now, effects: inout [Effect])

    /// When the core wants `Event.deadline` next; nil: not before another event.
    mutating func deadline() -> Instant?

    /// What is known of load, kept by the node around this core; the core asks it what to take on.
    var load: LoadBook { get set }

    /// How long the oldest work has waited in a queue of the core's own; zero when nothing waits.
    func queueWait(now: Instant) -> Interval

    /// The node that owns what a message is about, when that is another one and a peer; nil: it is ours, or nobody's. Asked of
    /// messages of peers that route by an older file than we do: theirs are passed on to it, and requests are refused as `moved`.
    func newOwner(of message: Message) -> NodeID?

    /// What a node that is draining still holds, for the operator; nil: nothing, it may be stopped.
    var remainder: String? { get }

    /// Whether another client may come in now; those who may not wait in the kernel's queue and are asked about again soon.
    mutating func wantsClient(now: Instant) -> Bool

    /// Nil when the service can do its work; otherwise a sentence that says what is missing.
    var unreadiness: String? { get }

    /// Adds the core's figures to a page of metrics.
    func report(into page: inout MetricsPage)
}

extension ServiceCore {
    /// Most cores own nothing that moves.
    public func newOwner(of message: Message) -> NodeID? { nil }

    /// Most cores hold nothing that others wait for.
    public var remainder: String? { nil }

    /// Most cores have no clients.
    public mutating func wantsClient(now: Instant) -> Bool { true }

    /// Most cores have no queue: they do at once what they are told.
    public func queueWait(now: Instant) -> Interval { Interval(nanoseconds: 0) }
}
