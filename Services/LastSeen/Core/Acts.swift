// What people do, and what becomes of their being here.

import CoreKit
import Messages
import Primitives

extension LastSeenCore {
    /// The hot path: one look-up a person while nobody watches them and they are not here. Stamps come from other clocks; one
    /// that lies in our future counts as now.
    mutating func onActivity(_ batch: SeenBatch, now: Now) {
        counters.batches += 1
        counters.acts += UInt64(batch.items.count)
        let ages = seen.ages
        for item in batch.items { onAct(item.user, at: min(item.at, now.stamp), now: now) }
        // Whose stamp was forgotten is known by it no more: a profile may have an older one.
        if seen.ages != ages { profiles.removeAll() }
        armStore(now: now)
        armNews(now: now)
    }

    private mutating func onAct(_ user: UserID, at: Stamp, now: Now) {
        guard seen.raise(user, to: at) else { return }
        if fronts.isHere(user) {
            fronts.touch(user, at: at)
        } else {
            watches.note(user, now: now.instant)
        }
    }

    mutating func onFront(_ front: AppFront, now: Now) {
        counters.acts += 1
        counters.batches += 1
        let at = min(front.at, now.stamp)
        if front.isInFront {
            seen.raise(front.user, to: at)
            if fronts.enter(front.user, front.place, at: at) { watches.note(front.user, now: now.instant) }
        } else if fronts.leave(front.user, front.place) {
            watches.note(front.user, now: now.instant)
        }
        armStore(now: now)
        armFade(now: now)
        armNews(now: now)
    }

    /// Connections have ended, many at once when a gateway dies. Nobody's last seen moves; who was here by one of them is not, and
    /// what it watched is over.
    mutating func onGone(_ gone: PresenceGone, now: Now, _ effects: inout [Effect]) {
        counters.departureBatches += 1
        counters.departures += UInt64(gone.items.count)
        for item in gone.items {
            if fronts.leave(item.user, item.place) { watches.note(item.user, now: now.instant) }
            unwatch(item.place, homes.remove(item.place), &effects)
        }
        armNews(now: now)
    }

    mutating func onFade(now: Now) {
        for user in fronts.fade(now: now.stamp) { watches.note(user, now: now.instant) }
        armFade(now: now)
        armNews(now: now)
    }

    private mutating func armFade(now: Now) {
        guard let due = fronts.due else { return }
        let wait = max(due.microseconds - now.stamp.microseconds, LastSeenLimits.fadeStep.microseconds)
        timers.armIfIdle(.fade, at: now.instant + .microseconds(wait))
    }

    mutating func armNews(now: Now) {
        guard let due = watches.due(now: now.instant) else { return }
        timers.armIfIdle(.news, at: max(due, now.instant + LastSeenLimits.roundPause))
    }
}
