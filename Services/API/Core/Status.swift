// What is known of people, of messages, and of the cluster.

import Cluster
import CoreKit
import Messages
import Primitives

extension APICore {
    // MARK: People

    /// Asked in the user's own name: what they hide from others is not hidden from the product that they use.
    mutating func readPresence(_ user: String, _ ask: Ask, _ effects: inout [Effect]) -> Outcome {
        guard let user = Self.person(user) else { return .answered(.bad("user", Self.personRule)) }
        guard let node = lastSeens.route(user) else { return .answered(.away) }
        let name = expect(.presence(user), ask)
        call(node, .lookUp(LookUp(viewer: user, users: [user], watcher: nil)), for: Call(name: name), &effects)
        return .asked(name)
    }

    func presenceAnswer(_ user: UserID, _ lines: PresenceLines) -> Answer {
        guard let line = lines.items.first else { return .away }
        var json = JSONText()
        json.string("user", user.text)
        json.flag("online", line.isOnline)
        json.raw("last_seen", line.lastSeen.map { String($0.microseconds) } ?? "null")
        return Answer(200, json.finished)
    }

    // MARK: Messages

    /// A watermark is read by raising it to zero, which changes nothing, and so nothing has to be searched.
    mutating func readReceipts(_ ask: Ask, _ effects: inout [Effect]) -> Outcome {
        guard let from = ask.query("from").flatMap(Self.person) else { return .answered(.bad("from", Self.personRule)) }
        guard let to = ask.query("to").flatMap(Self.person) else {
            return .answered(.bad("to", Self.personRule + "; of a group ask /v1/groups/GROUP/receipts"))
        }
        var at: Stamp?
        if let text = ask.query("at") {
            at = Self.stamp(text)
            if at == nil { return .answered(.bad("at", Self.stampRule)) }
        }
        let name = expect(.receipts(Receipts(from: from, to: to, at: at)), ask)
        for kind in ReceiptKind.allCases {
            let read = StoreWatermark(owner: from, peer: to, kind: kind, upTo: .zero)
            call(stores.primary(of: from), .storeWatermark(read), for: Call(name: name, kind: kind), &effects)
        }
        return .asked(name)
    }

    mutating func onWatermark(_ made: Call, _ receipts: Receipts, _ upTo: Stamp, now: Now, _ effects: inout [Effect]) {
        var receipts = receipts
        switch made.kind {
        case .delivered: receipts.delivered = upTo
        case .read: receipts.read = upTo
        case nil: preconditionFailure("a watermark has a kind")
        }
        waiting[made.name]!.what = .receipts(receipts)
        guard let delivered = receipts.delivered, let read = receipts.read else { return }
        var json = JSONText()
        json.string("from", receipts.from.text)
        json.string("to", receipts.to.text)
        json.number("delivered_up_to", max(delivered, read).microseconds)
        json.number("read_up_to", read.microseconds)
        if let at = receipts.at {
            json.number("at", at.microseconds)
            json.flag("delivered", at <= max(delivered, read))
            json.flag("read", at <= read)
        }
        conclude(made.name, Answer(200, json.finished), now: now, &effects)
    }

    // MARK: The cluster

    /// As this node sees it: who is linked to it.
    var clusterAnswer: Answer {
        var json = JSONText()
        json.string("cluster", cluster.name)
        json.number("epoch", Int64(cluster.epoch))
        let nodes = cluster.nodes.filter { $0.role != .api || $0.id == selfID }
        let isWhole = nodes.allSatisfy { $0.id == selfID || nodesUp.contains($0.id) }
        json.string("health", unreadiness != nil ? "down" : isWhole ? "up" : "degraded")
        json.number("load", Int64(load.worst.level.rawValue))
        json.list(
            "nodes",
            nodes.map { node in
                var line = JSONText()
                line.string("name", node.name)
                line.string("role", node.role.name)
                line.flag("up", node.id == selfID || nodesUp.contains(node.id))
                return line.nested
            })
        return Answer(200, json.finished)
    }
}
