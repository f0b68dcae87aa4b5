// Somebody writes to a user of this shard, just now.
//
// It is shown on devices that see everything there is; for one that is away, or still catches up, it is nothing. Nothing is
// kept of it but who is shown to whom, so that a client's repeats are merged and a flood goes nowhere.

import ClientProtocol
import CoreKit
import Messages
import Primitives

extension SessionCore {
    /// Somebody types to one user.
    mutating func onTyping(_ typing: Typing, now: Now, _ effects: inout [Effect]) {
        let author = typing.origin.user
        guard let place = users.place(of: typing.to), mayShowTyping(from: author, to: users[place: place]),
            users[place: place].isAnyAtHead
        else {
            counters.typingDropped += 1
            return
        }
        switch users[place: place].typists.take(author, isOn: typing.isOn, now: now.instant) {
        case .merged: counters.typingMerged += 1
        case .full: counters.typingDropped += 1
        case .news:
            var frame = SharedFrame(.typing(from: author, group: nil, isOn: typing.isOn))
            show(&frame, to: users[place: place], &effects)
        }
    }

    /// Somebody types in a group; its shard has merged and bounded already.
    mutating func onGroupTyping(_ typing: GroupTyping, _ effects: inout [Effect]) {
        var frame = SharedFrame(.typing(from: typing.author, group: typing.group, isOn: typing.isOn))
        for recipient in typing.recipients where recipient != typing.author {
            if let user = users[recipient] { show(&frame, to: user, &effects) }
        }
    }

    /// May `user` see that `author` types to her? Not when she has blocked him.
    private func mayShowTyping(from author: UserID, to user: UserState) -> Bool { !user.settings.blocks(author) }

    private mutating func show(_ frame: inout SharedFrame, to user: UserState, _ effects: inout [Effect]) {
        for device in user.devices where device.isAtHead(user.head) {
            counters.typingPushed += 1
            effects.append(frame.tell(device.origin))
        }
    }
}

extension UserState {
    fileprivate var isAnyAtHead: Bool { devices.contains { $0.isAtHead(head) } }
}
