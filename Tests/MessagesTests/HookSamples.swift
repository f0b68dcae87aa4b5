// Samples and dice of webhooks' events and of tokens' rules; see Samples.swift.

import Messages
import Primitives

let hookSamples: [Sample] = [
    Sample(
        11,
        .hookBatch(
            HookBatch(events: [HookEvent(.offline, user: bob, author: ana, chat: ana, id: m1, at: Stamp(microseconds: 300), body: hi)])),
        "01 01 03626f62 03616e61 03616e61 01 026d31 ac02 02 6869 02"),
    Sample(
        11, .hookBatch(HookBatch(events: [HookEvent(.waiting, user: bob, author: bob, chat: bob, at: .zero, count: 7)])),
        "01 02 03626f62 03626f62 03626f62 00 00 00 07"),
    Sample(
        12, .tokenRule(TokenRule(connection: ConnectionID(rawValue: 7), before: Stamp(microseconds: 300))), "0700000000000000 ac02"),
]

extension MessageDice {
    mutating func hookMessage() -> Message {
        .hookBatch(
            HookBatch(
                events: list(MessageLimits.hookCountMax) {
                    HookEvent(
                        $0.one(HookEvent.Kind.self), user: $0.user(), author: $0.user(), chat: $0.user(), id: $0.maybe { $0.id() },
                        at: $0.stamp(), body: $0.bytes(500), count: $0.number())
                }))
    }
}
