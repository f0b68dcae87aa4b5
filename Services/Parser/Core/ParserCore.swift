// The parser: client bytes in, typed messages out.
//
// It is the one place where bytes that a stranger wrote are believed or refused. It remembers nothing for longer than a quarter
// of a second: every frame carries its origin, so any parser can take any frame, and a parser that dies loses only what it had
// not read, and who was active just then. A connection sticks to one parser while that one lives, so that its frames stay in
// order.
//
// It alone knows what a frame is worth, so it is the edge at which work is refused or given up when the cluster is behind
// (`LoadBook`): it has heard how full the shards are, and the gateways.

import ClientProtocol
import Cluster
import CoreKit
import Groups
import Media
import Messages
import Primitives
import Privacy
import RPC

public struct ParserCore: ServiceCore {
    private var sessions: LiveRing
    private var groups: LiveRing
    var lastSeens: LiveRing
    /// By the part of a reference that names them; empty in a cluster without media.
    var medias: [String: NodeID]
    var mediasUp: Set<NodeID> = []
    var activity = Activity()
    var counters = ParserCounters()
    public var load: LoadBook

    public init(selfID: NodeID, cluster: ClusterMap) {
        sessions = LiveRing(cluster.ring(of: .session))
        groups = LiveRing(cluster.ring(of: .group))
        lastSeens = LiveRing(cluster.ring(of: .lastSeen))
        medias = Self.medias(cluster)
        load = LoadBook(tells: cluster.nodes(of: .gateway).map(\.id))
    }

    private static func medias(_ cluster: ClusterMap) -> [String: NodeID] {
        Dictionary(
            cluster.nodes(of: .media).map { (MediaReference.tag(ofNode: $0.name), $0.id) }, uniquingKeysWith: { first, _ in first })
    }

    private mutating func onClusterChanged(_ cluster: ClusterMap) {
        sessions.adopt(cluster.ring(of: .session))
        groups.adopt(cluster.ring(of: .group))
        lastSeens.adopt(cluster.ring(of: .lastSeen))
        medias = Self.medias(cluster)
        mediasUp.formIntersection(medias.values)
        load.adopt(tells: cluster.nodes(of: .gateway).map(\.id))
    }

    public mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        switch event {
        case .peerUp(let node): setUp(node, true)
        case .peerDown(let node): setUp(node, false)
        case .clusterChanged(let cluster): onClusterChanged(cluster)
        case .received(let node, .clientInput(let input)):
            guard input.origin.gateway == node else {
                return effects.append(.log(LogRecord(.warning, "foreign_origin", ["peer": "\(node)"])))
            }
            onInput(input, now: now, effects: &effects)
        case .received(let node, let message):
            effects.append(.log(LogRecord(.warning, "unexpected_message", ["peer": "\(node)", "method": "\(message.method)"])))
        case .requested(let call, _):
            effects.append(.refuse(call, Refusal(.unsupported)))
        case .deadline:
            if let due = activity.due, due <= now.instant { flushActivity(&effects) }
        case .epoch, .answered, .refused, .flush, .clientAccepted, .clientReceived, .clientClosed, .committed, .commitFailed, .disk:
            break
        }
    }

    public mutating func deadline() -> Instant? { activity.due }

    public var unreadiness: String? { sessions.up.isEmpty ? "no session service is connected" : nil }

    public func report(into page: inout MetricsPage) {
        page.counter("fantail_parser_frames_total", "Client frames that were read.", counters.framesParsed)
        page.counter("fantail_parser_frames_refused_total", "Client frames that broke a rule.", counters.framesRefused)
        page.counter("fantail_parser_messages_routed_total", "Chat messages handed to a session shard.", counters.messagesRouted)
        page.counter(
            "fantail_parser_typing_routed_total", "Signs of typing handed to a session or group shard.", counters.typingRouted)
        page.counter("fantail_parser_activity_told_total", "Acts of people told to last-seen, merged.", counters.activityTold)
        page.counter(
            "fantail_parser_activity_lost_total", "Acts of people that no last-seen shard was there for.", counters.activityLost)
    }

    private mutating func setUp(_ node: NodeID, _ isUp: Bool) {
        _ = sessions.set(node, isUp: isUp)
        _ = groups.set(node, isUp: isUp)
        _ = lastSeens.set(node, isUp: isUp)
        setMedia(node, isUp: isUp)
    }

    private mutating func onInput(_ input: ClientInput, now: Now, effects: inout [Effect]) {
        counters.framesParsed += 1
        let frame: ClientFrame
        do throws(FrameRefusal) {
            frame = try ClientFrame.decode(input.bytes, as: input.origin.encoding)
        } catch {
            return refuse(input.origin, error.error, &effects)
        }
        route(frame, input.origin, now: now, effects: &effects)
    }

    private mutating func route(_ frame: ClientFrame, _ origin: Origin, now: Now, effects: inout [Effect]) {
        switch frame {
        case .hello(let cursor, let ticks, let attempt):
            guard !origin.isAttached else {
                return refuse(origin, ErrorFrame(.helloRepeated, "this connection has said hello already"), &effects)
            }
            let attach = Attach(origin: origin, cursor: cursor, revision: ticks, isResume: false, attempt: attempt)
            pass(.attach(attach), for: origin.user, by: sessions, ref: nil, origin, &effects)

        case .ping(let ref):
            answer(origin, .pong(ref: ref, time: now.stamp), &effects)

        case .send(let id, let to, let body, let after, let isAuto):
            guard isGreeted(origin, ref: id, &effects) else { return }
            guard to != origin.user else {
                return refuse(origin, ErrorFrame(.toSelf, "the addressee is the author", ref: id), &effects)
            }
            if !isAuto { noteActivity(origin, now: now, &effects) }
            let shard = (to.isGroup ? groups : sessions).route(to)
            effects.append(.trace(TraceRecord(TraceKey(author: origin.user, id: id), .parsed, UInt64(shard?.rawValue ?? 0))))
            if to.isGroup {
                let send = GroupSend(origin: origin, group: to, id: id, after: after, body: body)
                return submit(.groupSend(send), for: to, by: groups, ref: id, origin, now: now, &effects)
            }
            let deliver = Deliver(origin: origin, to: to, id: id, after: after, body: body)
            submit(.deliver(deliver), for: to, by: sessions, ref: id, origin, now: now, &effects)

        case .ack(let number):
            guard isGreeted(origin, ref: nil, &effects) else { return }
            load.count(.receipts, .admitted)
            pass(.acknowledge(Acknowledge(origin: origin, number: number)), for: origin.user, by: sessions, ref: nil, origin, &effects)

        case .read(let peer, let stamp, let isAuto):
            guard isGreeted(origin, ref: nil, &effects) else { return }
            guard peer != origin.user else {
                return refuse(origin, ErrorFrame(.toSelf, "nobody reads a chat with oneself"), &effects)
            }
            load.count(.receipts, .admitted)
            if !isAuto { noteActivity(origin, now: now, &effects) }
            pass(.markRead(MarkRead(origin: origin, with: peer, stamp: stamp)), for: origin.user, by: sessions, ref: nil, origin, &effects)

        case .history(let ref, let peer, let before, let limit):
            guard isGreeted(origin, ref: ref, &effects) else { return }
            let query = HistoryQuery(origin: origin, reference: ref, with: peer, before: before, limit: limit)
            submit(.historyQuery(query), for: origin.user, by: sessions, ref: ref, origin, now: now, &effects)

        case .group(let ref, let group, let change):
            guard isGreeted(origin, ref: ref, &effects) else { return }
            // Who makes a group is asked for no name: it follows from hers and the reference.
            let group = group ?? UserID.group(of: origin.user, reference: ref)
            let act = GroupAct(origin: origin, group: group, id: ref, change: change)
            submit(.groupAct(act), for: group, by: groups, ref: ref, origin, now: now, &effects)

        case .groupInfo(let ref, let group):
            guard isGreeted(origin, ref: ref, &effects) else { return }
            let query = GroupQuery(origin: origin, reference: ref, group: group, question: .info)
            submit(.groupQuery(query), for: group, by: groups, ref: ref, origin, now: now, &effects)

        case .receipts(let ref, let group, let at):
            guard isGreeted(origin, ref: ref, &effects) else { return }
            let query = GroupQuery(origin: origin, reference: ref, group: group, question: .receipts(at: at))
            submit(.groupQuery(query), for: group, by: groups, ref: ref, origin, now: now, &effects)

        case .groupHistory(let ref, let group, let before, let limit):
            guard isGreeted(origin, ref: ref, &effects) else { return }
            let query = GroupQuery(
                origin: origin, reference: ref, group: group, question: .history(before: before, limit: limit))
            submit(.groupQuery(query), for: group, by: groups, ref: ref, origin, now: now, &effects)

        case .groupList(let ref, let after):
            guard isGreeted(origin, ref: ref, &effects) else { return }
            let query = MembershipQuery(origin: origin, reference: ref, after: after)
            submit(.membershipQuery(query), for: origin.user, by: sessions, ref: ref, origin, now: now, &effects)

        case .typing(let to, let isOn):
            guard isGreeted(origin, ref: nil, &effects) else { return }
            guard to != origin.user else {
                return refuse(origin, ErrorFrame(.toSelf, "nobody types to oneself"), &effects)
            }
            if isOn { noteActivity(origin, now: now, &effects) }
            // Nobody waits for it: when its shard is away, or somebody is behind, it is dropped.
            guard load.admits(.typing), let node = (to.isGroup ? groups : sessions).route(to) else { return }
            counters.typingRouted += 1
            effects.append(.send(node, .typing(Typing(origin: origin, to: to, isOn: isOn))))

        case .active(let on):
            guard isGreeted(origin, ref: nil, &effects) else { return }
            onActive(on, origin, now: now, &effects)

        case .presence, .presenceWatch, .settings, .block:
            let (request, ref) = lastSeenRequest(frame, origin)
            guard isGreeted(origin, ref: ref, &effects) else { return }
            if case .block(_, origin.user, _) = frame {
                return refuse(origin, ErrorFrame(.toSelf, "nobody blocks oneself", ref: ref), &effects)
            }
            switch frame {
            case .presence, .presenceWatch:
                guard load.admits(.lastSeen) else { return refuseOverloaded(origin, ref: ref, now: now, &effects) }
                pass(request, for: origin.user, by: lastSeens, ref: ref, origin, &effects)
            default:
                // Privacy is asked for and waited for like a message.
                submit(request, for: origin.user, by: lastSeens, ref: ref, origin, now: now, &effects)
            }

        case .mediaUpload(let ref, let file):
            guard isGreeted(origin, ref: ref, &effects) else { return }
            if onMedia(ref, .upload(file), origin, &effects) { noteActivity(origin, now: now, &effects) }
        case .mediaLink(let ref, let media):
            guard isGreeted(origin, ref: ref, &effects) else { return }
            _ = onMedia(ref, .link(media), origin, &effects)
        case .mediaKeep(let ref, let media):
            guard isGreeted(origin, ref: ref, &effects) else { return }
            _ = onMedia(ref, .keep(media), origin, &effects)

        case .feature(let name, let ref):
            guard isGreeted(origin, ref: ref, &effects) else { return }
            let request = Message.featureRequest(FeatureRequest(origin: origin, feature: name, reference: ref))
            let ring = name.hasPrefix("group.") ? groups : lastSeens
            // What media has no frame for, it does not do; presence.… is for last-seen to say.
            guard !name.hasPrefix("media."), let node = ring.route(origin.user) else {
                return refuse(origin, ErrorFrame(.unsupported, "\(name) is not part of this release", ref: ref), &effects)
            }
            effects.append(.send(node, request))
        }
    }

    private mutating func isGreeted(_ origin: Origin, ref: MessageID?, _ effects: inout [Effect]) -> Bool {
        if origin.isAttached { return true }
        refuse(origin, ErrorFrame(.helloMissing, "say hello and wait for welcome first", ref: ref), &effects)
        return false
    }

    /// Hands on what a person has asked for and waits for. When the way there is full it is her turn or not: then she is told
    /// when to come back.
    private mutating func submit(
        _ message: Message, for user: UserID, by ring: LiveRing, ref: MessageID?, _ origin: Origin, now: Now,
        _ effects: inout [Effect]
    ) {
        if let node = ring.route(user), !load.admits(origin.user, via: origin.gateway, to: node, now: now.stamp) {
            return refuseOverloaded(origin, ref: ref, now: now, &effects)
        }
        switch message {
        case .deliver, .groupSend: counters.messagesRouted += 1
        default: break
        }
        pass(message, for: user, by: ring, ref: ref, origin, &effects)
    }

    private mutating func refuseOverloaded(_ origin: Origin, ref: MessageID?, now: Now, _ effects: inout [Effect]) {
        let retryMs = LoadBook.retryMs(origin.user, now: now.stamp)
        refuse(origin, ErrorFrame(.overloaded, "too much work waits", ref: ref, retryMs: retryMs), &effects)
    }

    /// Hands a message to the shard of `user`, or tells the client that none is there.
    private mutating func pass(
        _ message: Message, for user: UserID, by ring: LiveRing, ref: MessageID?, _ origin: Origin, _ effects: inout [Effect]
    ) {
        guard let node = ring.route(user) else {
            let error = ErrorFrame(
                .unavailable, "the service that this belongs to is away", ref: ref, retryMs: unavailableRetryMs)
            return refuse(origin, error, &effects)
        }
        effects.append(.send(node, message))
    }

    mutating func refuse(_ origin: Origin, _ error: ErrorFrame, _ effects: inout [Effect]) {
        counters.framesRefused += 1
        answer(origin, .error(error), &effects)
    }

    private func answer(_ origin: Origin, _ frame: ServerFrame, _ effects: inout [Effect]) {
        effects.append(.tell(origin, frame))
    }
}

/// The figures of a parser.
struct ParserCounters {
    var framesParsed: UInt64 = 0
    var framesRefused: UInt64 = 0
    var messagesRouted: UInt64 = 0
    var typingRouted: UInt64 = 0
    var activityTold: UInt64 = 0
    var activityLost: UInt64 = 0
}
