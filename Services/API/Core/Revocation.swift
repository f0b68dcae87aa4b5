// Tokens that hold no more.
//
// It takes the way of a user's settings, and has its promise: stored first, then told to every session shard in reach, which cuts the
// sockets, then answered. A shard that is away hears it when it is back; and whoever says hello is judged by what the store has.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import Privacy

extension APICore {
    mutating func revokeTokens(_ user: String, _ ask: Ask, now: Now, _ effects: inout [Effect]) -> Outcome {
        guard let user = Self.person(user) else { return .answered(.bad("user", Self.personRule)) }
        let before: Stamp
        do throws(FrameRefusal) {
            before = try RequestBody.before(ask.body) ?? now.stamp
        } catch {
            return .answered(Answer(error.error))
        }
        // Later than now would lock the user out until then, which is no revocation but a ban, and nobody could take it back.
        guard before <= now.stamp else {
            return .answered(Answer(refusing: 409, "in_future", "`before` must be a stamp that is not in the future"))
        }
        guard let node = lastSeens.route(user) else { return .answered(.away) }
        let name = expect(.revoked(user, before: before), ask)
        let query = SettingsQuery(origin: origin(name, user), reference: nil, change: .revokeTokens(before: before))
        effects.append(.send(node, .settingsQuery(query)))
        return .asked(name)
    }

    func revokedAnswer(_ user: UserID, _ before: Stamp) -> Answer {
        var json = JSONText()
        json.string("user", user.text)
        json.number("before", before.microseconds)
        return Answer(200, json.finished)
    }
}
