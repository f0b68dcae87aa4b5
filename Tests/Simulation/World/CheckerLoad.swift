// What may be given up, and in which order: messages come last.
//
// Every fact that a process hears is looked at: what it knew of load before and behind it, and what it admitted, gave up and
// refused in between. A level may change by a fact, so a decision is wrong only if neither side of it allows it.

import CoreKit
import Messages

/// How a process stood to load before a fact, or behind it.
struct LoadLook {
    let worst: Load
    let counts: WorkCounts

    init(_ book: LoadBook) {
        worst = book.worst
        counts = book.counts
    }
}

extension Checker {
    mutating func onLoad(_ process: String, _ before: LoadLook, _ after: LoadLook, _ moment: Moment) {
        if after.worst.level == .full { fullAt = moment }
        guard before.counts != after.counts else { return }
        var done = WorkCounts()
        for work in WorkClass.allCases {
            for outcome in WorkOutcome.allCases {
                done[work, outcome] = after.counts[work, outcome] - before.counts[work, outcome]
                loadCounts[work, outcome] += done[work, outcome]
            }
        }
        let levels = "level \(before.worst.level.rawValue) before and \(after.worst.level.rawValue) behind it"
        let highest = max(before.worst.level, after.worst.level)
        let lowest = min(before.worst.level, after.worst.level)
        if done[.messages, .refused] > 0, highest < .full {
            fail(.messagesFirst, moment, "\(process) refuses messages when everything else is given up", "it refused one at \(levels)")
        }
        for work in [WorkClass.lastSeen, .typing] where done[work, .admitted] > 0 && lowest >= work.yieldsAt {
            fail(.messagesFirst, moment, "\(process) gives up \(work.name) at level \(work.yieldsAt.rawValue)", "it did some at \(levels)")
        }
        if done[.messages, .refused] > 0, done[.lastSeen, .admitted] + done[.typing, .admitted] > 0, lowest == .full {
            fail(.messagesFirst, moment, "\(process) refuses no message while it does other work", "it did both in one turn at \(levels)")
        }
        if done[.messages, .givenUp] + done[.receipts, .givenUp] + done[.receipts, .refused] > 0 {
            fail(.messagesFirst, moment, "messages and receipts are never given up", "\(process) did")
        }
    }

    /// When the last fault is long over nobody is behind any more.
    func debtOfLoad(_ world: World) -> Debt? {
        for process in world.processes {
            guard let load = process.machine?.load, load.worst != .calm else { continue }
            return Debt(.recovery, "\(process.node.name) has taken back its load level", "it stands at \(load.worst.level.rawValue)", nil)
        }
        return nil
    }
}
