// Sending: a message takes the way of a client's, from the parser's door on.

import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives

extension APICore {
    mutating func sendMessage(_ ask: Ask, now: Now, _ effects: inout [Effect]) -> Outcome {
        let message: RequestBody.Message
        do throws(FrameRefusal) {
            message = try RequestBody.message(ask.body)
        } catch {
            return .answered(Answer(error.error))
        }
        let from = message.from ?? UserID.system
        guard message.to != from else { return .answered(Answer(ErrorFrame(.toSelf, "the addressee is the author"))) }
        // The system has no devices that would want a copy, and nobody who would ever fetch it.
        let hasSiblings = message.from != nil
        let ring = message.to.isGroup ? groups : sessions
        return submit(.sent(from: from), by: ring, to: message.to, for: from, hasSiblings: hasSiblings, ask, now: now, &effects) { origin in
            message.to.isGroup
                ? .groupSend(GroupSend(origin: origin, group: message.to, id: message.id, after: message.after, body: message.body))
                : .deliver(Deliver(origin: origin, to: message.to, id: message.id, after: message.after, body: message.body))
        }
    }

    /// Hands work to the shard of `key`, when there is one and the cluster takes on work of `user` now.
    mutating func submit(
        _ what: What, by ring: LiveRing, to key: UserID, for user: UserID, hasSiblings: Bool = false, _ ask: Ask, now: Now,
        _ effects: inout [Effect], _ message: (Origin) -> Message
    ) -> Outcome {
        guard let node = ring.route(key) else { return .answered(.away) }
        guard load.admits(user, via: selfID, to: node, now: now.stamp) else {
            let retryMs = LoadBook.retryMs(user, now: now.stamp)
            return .answered(Answer(ErrorFrame(.overloaded, "too much work waits", retryMs: retryMs)))
        }
        let name = expect(what, ask)
        effects.append(.send(node, message(origin(name, user, hasSiblings: hasSiblings))))
        return .asked(name)
    }

    func sentAnswer(_ from: UserID, _ to: UserID, _ id: MessageID, _ at: Stamp) -> Answer {
        var json = JSONText()
        json.string("id", id.text)
        json.string("from", from.text)
        json.string("to", to.text)
        json.number("at", at.microseconds)
        return Answer(200, json.finished)
    }
}
