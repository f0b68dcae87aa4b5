// A stage for transcripts of a last-seen shard: facts in, orders out, a store that answers at once or is held back.

import ClientProtocol
import Cluster
import CoreKit
import LastSeenCore
import Messages
import Primitives
import Privacy
import RPC
import Testing

let ana = UserID("ana")!
let bob = UserID("bob")!
let cem = UserID("cem")!
let map = try! ClusterMap.local(LocalCounts(lastSeens: 1))
let start = Stamp(microseconds: 1_767_225_600_000_000)

/// What the shard did, calls to itself and to its store aside.
enum Did: Equatable {
    case tell(UInt64, ServerFrame)
    case send(NodeID, Message)
    case call(NodeID, Message)
    case answer(Message)
    case refuse(Refusal)
    case log(String)
}

struct Scene {
    var core: LastSeenCore
    let selfID = map.nodes(of: .lastSeen)[0].id
    let gateway = map.nodes(of: .gateway)[0].id
    let parser = map.nodes(of: .parser)[0].id
    let session = map.nodes(of: .session)[0].id
    var clock = Interval.seconds(0)
    /// What persistence has.
    var stamps: [UserID: Stamp] = [:]
    var settings: [UserID: UserSettings] = [:]
    /// Requests that the store was asked, `readPresence` aside.
    private(set) var stored: [SeenBatch] = []
    var storeIsAway = false
    /// Whoever is told settings refuses them.
    var refusesNews = false
    /// Calls of the shard to itself wait until they are released.
    var holdsOwnCalls = false
    private var held: [Event] = []

    init() {
        core = LastSeenCore(selfID: selfID, cluster: map)
        for node in map.peers(of: selfID) { _ = on(.peerUp(node.id)) }
    }

    var now: Now { Now(instant: Instant(nanoseconds: clock.nanoseconds), stamp: start + clock) }
    func at(_ seconds: Int64) -> Stamp { start + .seconds(seconds) }

    /// One tick: the event, `flush`, and whatever the store and the shard itself answer.
    @discardableResult
    mutating func on(_ event: Event) -> [Did] {
        var done: [Did] = []
        var events = [event, .flush]
        while !events.isEmpty {
            var effects: [Effect] = []
            core.on(events.removeFirst(), now: now, effects: &effects)
            for effect in effects {
                if let answer = obey(effect, &done) { events += [answer, .flush] }
            }
        }
        return done
    }

    mutating func releaseOwnCalls() -> [Did] {
        let requests = held
        held = []
        return requests.flatMap { on($0) }
    }

    private mutating func obey(_ effect: Effect, _ done: inout [Did]) -> Event? {
        switch effect {
        case .send(gateway, .clientOutput(let output)):
            let encoding: ClientEncoding = output.bytes.first == UInt8(ascii: "{") ? .json : .binary
            done.append(.tell(output.connection.rawValue, try! ServerFrame.decode(output.bytes, as: encoding)!))
        case .send(let node, let message): done.append(.send(node, message))
        case .call(let node, let call, let message):
            if node == selfID {
                let request = Event.requested(RemoteCall(node: selfID, socket: SocketID(rawValue: 0), call: call.rawValue), message)
                guard holdsOwnCalls else { return request }
                held.append(request)
                return nil
            }
            if map.node(node)?.role == .persistence {
                return storeIsAway ? .refused(call, Refusal(.peerDown)) : .answered(call, answer(message))
            }
            if refusesNews, case .settingsNews = message { return .refused(call, Refusal(.overloaded)) }
            done.append(.call(node, message))
            return .answered(call, .done)
        case .answer(let call, let message):
            if call.node == selfID { return .answered(CallID(rawValue: call.call), message) }
            done.append(.answer(message))
        case .refuse(let call, let refusal):
            if call.node == selfID { return .refused(CallID(rawValue: call.call), refusal) }
            done.append(.refuse(refusal))
        case .log(let record): done.append(.log(record.event))
        default: break
        }
        return nil
    }

    private mutating func answer(_ message: Message) -> Message {
        switch message {
        case .readPresence(let read):
            return .presencePage(
                PresencePage(items: read.users.map { .init(lastSeen: stamps[$0], settings: settings[$0] ?? UserSettings()) }))
        case .changeSettings(let change):
            var new = settings[change.owner] ?? UserSettings()
            let outcome = new.apply(change.change)
            settings[change.owner] = new
            return .settingsStored(SettingsStored(outcome: outcome, settings: new))
        case .storeLastSeen(let batch):
            stored.append(batch)
            return .done
        default: preconditionFailure("\(message)")
        }
    }

    // MARK: What comes in

    func origin(_ user: UserID, _ connection: UInt64) -> Origin {
        Origin(
            gateway: gateway, connection: ConnectionID(rawValue: connection), user: user, device: DeviceID("phone")!,
            encoding: connection.isMultiple(of: 2) ? .binary : .json, isAttached: true, hasSiblings: false)
    }

    func place(_ connection: UInt64) -> ConnectionPlace {
        ConnectionPlace(gateway: gateway, connection: ConnectionID(rawValue: connection))
    }

    /// People did something just now.
    mutating func acts(_ users: UserID...) -> [Did] {
        on(.received(parser, .activity(SeenBatch(items: users.map { .init(user: $0, at: now.stamp) }))))
    }

    mutating func front(_ user: UserID, _ connection: UInt64, _ isInFront: Bool = true) -> [Did] {
        on(.received(parser, .appFront(AppFront(user: user, place: place(connection), isInFront: isInFront, at: now.stamp))))
    }

    mutating func ask(_ user: UserID, _ connection: UInt64, about users: [UserID], watch: Bool = false) -> [Did] {
        let query = PresenceQuery(
            origin: origin(user, connection), reference: MessageID("r")!, users: users, isWatch: watch)
        return on(.received(parser, .presenceQuery(query)))
    }

    mutating func change(_ user: UserID, _ connection: UInt64, _ change: SettingsChange) -> [Did] {
        on(.received(parser, .settingsQuery(SettingsQuery(origin: origin(user, connection), reference: MessageID("s")!, change: change))))
    }

    mutating func gone(_ items: (UserID, UInt64)...) -> [Did] {
        on(.received(session, .presenceGone(PresenceGone(items: items.map { .init(user: $0.0, place: place($0.1)) }))))
    }

    /// Time passes; every deadline on the way fires.
    @discardableResult
    mutating func wait(_ interval: Interval) -> [Did] {
        let end = Instant(nanoseconds: clock.nanoseconds + interval.nanoseconds)
        var done: [Did] = []
        while let deadline = core.deadline(), deadline <= end {
            clock = Interval(nanoseconds: max(deadline.nanoseconds, clock.nanoseconds))
            done += on(.deadline)
        }
        clock = Interval(nanoseconds: end.nanoseconds)
        return done
    }

    func metric(_ name: String) -> String? {
        var page = MetricsPage()
        core.report(into: &page)
        return page.text.split(separator: "\n").first { $0.hasPrefix(name + " ") }.map { String($0.split(separator: " ")[1]) }
    }
}

/// An answer with `ref`.
func answer(_ connection: UInt64, _ lines: PresenceLine...) -> Did { .tell(connection, .presence(ref: MessageID("r")!, users: lines)) }
/// A push without one.
func news(_ connection: UInt64, _ lines: PresenceLine...) -> Did { .tell(connection, .presence(ref: nil, users: lines)) }
func online(_ user: UserID, _ at: Stamp) -> PresenceLine { PresenceLine(user: user, isOnline: true, lastSeen: at) }
func away(_ user: UserID, _ at: Stamp?) -> PresenceLine { PresenceLine(user: user, isOnline: false, lastSeen: at) }
func hidden(_ user: UserID) -> PresenceLine { away(user, nil) }
