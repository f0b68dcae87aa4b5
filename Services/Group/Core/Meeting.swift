// Marks that another shard took.
//
// A session shard that cannot reach a group's shard brings the marks of its members to the next one of the ring, which makes
// them durable and knows nothing of those that came here: each has a part of the members, and neither tells a tick that needs
// all. So when a session shard comes into reach, the groups held here read once more how far their members have come.

import CoreKit
import Messages
import Primitives

extension GroupCore {
    mutating func onSessionMet(now: Now) {
        // Whoever is held then is read, also who is held only from now on: the last marks for the other are still on their way.
        unmet = nil
        timers.arm(.meeting, at: now.instant + GroupServiceLimits.meetingDelay)
    }

    mutating func onMeetingTimer(now: Now, _ effects: inout [Effect]) {
        var left = unmet ?? groups.keys.sorted()
        for group in left.prefix(GroupServiceLimits.meetingGroupCount) {
            left.removeFirst()
            guard let record = groups[group], record.state.roster.count > 1 else { continue }
            // One that is asked about elsewhere has its turn later; one that is being read will know.
            if record.isReady { readMarks(group, after: nil, &effects) } else if record.isLoaded { left.append(group) }
        }
        unmet = left
        if !left.isEmpty { timers.arm(.meeting, at: now.instant + GroupServiceLimits.meetingPause) }
    }
}
