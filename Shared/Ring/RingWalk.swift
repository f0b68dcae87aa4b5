// How slots find their owner.
//
// **The idea.** Imagine a circle of 65,536 empty seats, and members who walk round it. Each member has a starting seat
// and a stride of its own, both drawn from its name, and visits the seats start, start + stride, start + 2 × stride,
// and so on. Everybody's timetable is the same. A seat belongs to whoever visits it first; a member who already holds
// as many seats as it may simply walks on. When no seat is free, the table is done.
//
// **Why this is consistent hashing.** Where a member walks, and when, depends on its own name and weight and on nothing
// else. If a member leaves, the seats that it held go to whoever came by next, and all other seats stay: the visits
// that won them are still the first. If it comes back, it takes exactly those seats again. A seat changes its owner
// only if it must, but for the bound below. Each visit is one "virtual node" in the language of Karger: a member has as
// many as there are slots, and nobody has to choose their number. Seen from a seat it is rendezvous hashing: every
// member has a score there (its time of arrival), and the best one wins.
//
// **Why the loads are even.** Strides are odd and the number of seats is a power of two, so one round visits every seat
// exactly once (Maglev builds its permutations in this way too). A member's visits are spread over time like a comb
// instead of by dice, which halves the variance of its load against independent random scores: with 100 members the
// standard deviation was measured as 2.8 % of the mean. By theory rendezvous hashing has 3.9 %, and a circle with 160
// random virtual nodes a member 8 %.
//
// **The bound.** A member stops at `capacity` seats: its fair share times 1.05, rounded down, but never less than the
// fair share rounded up (so that all the capacities together always hold all the seats). This is the rule of Mirrokni,
// Thorup and Zadimoghaddam: who is full, passes on. Passing on is the one thing that can make a seat move although its
// owner stayed, since a member's being full depends on all others. Even loads are therefore worth having *before* the
// bound acts: at 100 members one in thirty is full. Measured with 101 equal members over 40 seeds, as moves in relation
// to the ideal: here 1.01 on the average and 1.08 at worst, over each of the members that can leave; on a circle under
// the same bound, over four leavers a seed, 1.34 and 1.57 with 160 virtual nodes a member, 1.03 and 1.10 with 1,600,
// which need a sort of 160,000 points.
//
// **Weights.** A member of weight w follows the timetable w times as fast. Would shares then be proportional to
// weights? Only with the right timetable: with equal gaps, a member of weight 2 beats one of weight 1 at three seats of
// four, and not at two of three. Being first is exactly as likely as one's rate if times of arrival are distributed
// exponentially (weighted rendezvous hashing takes -ln(u) / w for this reason). So visit k is due at the k-th of 65,536
// exponential arrivals, which on the average is 1/65536 + 1/65535 + … for k terms: members tire, and the last seat
// takes longer than all the first half together. No logarithm is needed. Among equal weights the timetable cancels out.
//
// **The phase.** Equal members would arrive in step. So each is late by a fraction of the gap between two visits, again
// drawn from its name, which decides who is first among equals.
//
// **The hard corner: ties.** Times are whole numbers, fine enough for every phase to keep a time of its own; so a tie
// needs two equal phases of 32 bits or a chance hit between different weights. Then the one whose name sorts first
// wins. No floating point is involved anywhere, so no compiler or processor can disagree.
//
// **Cost.** Filling 65,536 seats by more or less random visits takes at most about 65,536 × ln 65,536 = 727,000 visits,
// however many members there are (the coupon collector's problem). That is a few milliseconds. Members of one weight
// take turns in the order of their phases, so only the next turns of the different weights have to be compared: a small
// heap.
//
// Sources: D. Karger et al., "Consistent Hashing and Random Trees", STOC 1997. D. Thaler and C. Ravishankar, "Using
// Name-Based Mappings to Increase Hit Rates", 1998 (rendezvous hashing). D. Eisenbud et al., "Maglev: A Fast and
// Reliable Software Network Load Balancer", NSDI 2016 (permutations by offset and skip). V. Mirrokni, M. Thorup and M.
// Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016.

import Primitives

/// One member's way round the circle of slots.
struct RingWalk: Sendable {
    /// The first slot visited.
    let start: UInt16
    /// Slots from one visit to the next, modulo 65,536; odd, so that a round misses none.
    let stride: UInt16
    /// `stride × strideInverse = 1` modulo 65,536: tells from a slot at which step it is visited.
    let strideInverse: UInt16
    /// How late this member is, as a fraction of the gap between two visits, in units of 2⁻³².
    let phase: UInt32
    /// How many times faster than the timetable it walks.
    let weight: UInt32

    init(member: RingMember, seed: UInt64) {
        // The second half of the key separates members from keys: a user named "session-1" is nobody special.
        let hash = StableHash.hash(member.name.utf8, k0: seed, k1: 0x6d65_6d62_6572_2d31)
        start = UInt16(truncatingIfNeeded: hash)
        stride = UInt16(truncatingIfNeeded: hash >> 16) | 1
        strideInverse = RingWalk.inverse(of: stride)
        phase = UInt32(truncatingIfNeeded: hash >> 32)
        weight = UInt32(member.weight)
    }

    /// When this member makes its visit number `step`, 0...65,535. Rises with the step, and among equal weights with
    /// the phase.
    func time(ofStep step: Int) -> UInt64 {
        let due = RingWalk.timetable[step]
        // A 2³²-th of the gap to the next visit, at least 128: it stays above 1 after the division by any weight.
        let gapFraction = (RingWalk.timetable[step + 1] - due) >> 32
        return (due + gapFraction * UInt64(phase)) / UInt64(weight)
    }

    /// When this member visits a slot, on the same clock.
    /// - Complexity: O(1).
    func visitTime(of slot: RingSlot) -> UInt64 {
        time(ofStep: Int((slot &- start) &* strideInverse))
    }

    /// One unit of time. All visits of a member of weight 1 take 11.7 units, so 2⁵⁵ leaves 5 bits unused; the first and
    /// smallest gap is 2³⁹, which leaves 7 bits for the weight below the 32 of the phase.
    private static let timeUnit: UInt64 = 1 << 55

    /// When each visit is due: the k-th at 1/65536 + 1/65535 + … units, k terms. One entry more than there are visits
    /// ends the last gap. 512 KiB, made once in a process.
    private static let timetable: [UInt64] = {
        var timetable: [UInt64] = [0]
        timetable.reserveCapacity(RingLimits.slotCount + 1)
        for step in 0..<RingLimits.slotCount {
            timetable.append(timetable[step] + timeUnit / UInt64(RingLimits.slotCount - step))
        }
        return timetable
    }()

    /// The inverse of an odd number modulo 2¹⁶ by Newton's iteration; `odd` itself is right in three bits, and every
    /// round doubles them: 3, 6, 12, 24.
    static func inverse(of odd: UInt16) -> UInt16 {
        precondition(odd & 1 == 1, "only odd numbers have an inverse modulo a power of two")
        var inverse = odd
        for _ in 0..<3 { inverse = inverse &* (2 &- odd &* inverse) }
        precondition(odd &* inverse == 1, "three rounds are enough for sixteen bits")
        return inverse
    }
}

extension RingWalk {
    /// Lets all members walk until every slot has an owner.
    /// - Parameters:
    ///   - walks: 1...`RingLimits.memberCountMax` walks in the order of their members' names.
    ///   - capacities: for each member the most slots that it may hold; together at least all slots.
    /// - Returns: for each slot the index of its owner.
    /// - Complexity: O(slots × log slots × log of different weights) in practice.
    static func owners(of walks: [RingWalk], capacities: [Int]) -> [UInt16] {
        precondition(walks.count == capacities.count, "one capacity for each member")
        precondition(capacities.reduce(0, +) >= RingLimits.slotCount, "all members together must hold all slots")
        let nobody = UInt16.max
        precondition(walks.count < Int(nobody), "the last index marks a free slot")
        if walks.count == 1 { return [UInt16](repeating: 0, count: RingLimits.slotCount) }

        var owners = [UInt16](repeating: nobody, count: RingLimits.slotCount)
        var next = walks.map(\.start)
        var room = capacities
        var free = RingLimits.slotCount
        var groups = Group.all(of: walks)
        var queue = Queue(groups.indices.map { groups[$0].turn(walks, group: $0) })
        while true {
            let turn = queue.first
            let member = Int(turn.member)
            let slot = Int(next[member])
            next[member] &+= walks[member].stride
            if owners[slot] == nobody {
                owners[slot] = turn.member
                free -= 1
                room[member] -= 1
                if free == 0 { break }
            }
            // Who is full has no more business on the circle; the others' timetable does not depend on it.
            let group = Int(turn.group)
            if room[member] > 0 || groups[group].members.count > 1 {
                groups[group].advance(leaving: room[member] == 0)
                queue.replaceFirst(by: groups[group].turn(walks, group: group, isCompared: queue.count > 1))
            } else {
                queue.removeFirst()
            }
        }
        return owners
    }

    /// For each member the most slots that it may hold.
    /// - Complexity: O(members).
    static func capacities(of walks: [RingWalk], loadPermille: Int) -> [Int] {
        let weightSum = walks.reduce(0) { $0 + Int($1.weight) }
        return walks.map { walk in
            let weighted = RingLimits.slotCount * Int(walk.weight)
            let fairShareRoundedUp = (weighted + weightSum - 1) / weightSum
            let bound = weighted * loadPermille / (weightSum * 1000)
            return max(fairShareRoundedUp, bound)
        }
    }

    /// The members of one weight, who take turns: all make visit k, in the order of their phases, before any makes k +
    /// 1.
    private struct Group {
        /// Members that are not full, sorted by phase, then index.
        private(set) var members: [UInt16]
        private var place = 0
        private var step = 0

        private init(_ members: [UInt16]) { self.members = members }

        /// One group for each weight that occurs.
        static func all(of walks: [RingWalk]) -> [Group] {
            var byWeight = [[UInt16]](repeating: [], count: RingLimits.weightMax + 1)
            for (index, walk) in walks.enumerated() { byWeight[Int(walk.weight)].append(UInt16(index)) }
            return byWeight.filter { !$0.isEmpty }.map { members in
                Group(members.sorted { (walks[Int($0)].phase, $0) < (walks[Int($1)].phase, $1) })
            }
        }

        /// The group's next visit. Its time is worked out only if there are other groups to compare it with.
        func turn(_ walks: [RingWalk], group: Int, isCompared: Bool = true) -> Turn {
            let member = members[place]
            let time = isCompared ? walks[Int(member)].time(ofStep: step) : 0
            return Turn(time: time, member: member, group: UInt16(group))
        }

        /// The turn passes on; `leaving`: the one who had it goes home (not for the last one).
        mutating func advance(leaving: Bool) {
            if leaving { members.remove(at: place) } else { place += 1 }
            if place == members.count {
                place = 0
                step += 1
                // A member that is not full and has been everywhere has left no slot free.
                precondition(step < RingLimits.slotCount, "nobody walks on when every slot is owned")
            }
        }
    }

    /// A visit that is to come.
    private struct Turn {
        let time: UInt64
        let member: UInt16
        let group: UInt16

        func comes(before other: Turn) -> Bool {
            time != other.time ? time < other.time : member < other.member
        }
    }

    /// The next turn of each group, the earliest first: a binary heap.
    private struct Queue {
        private var turns: [Turn]

        init(_ turns: [Turn]) {
            // A sorted list is a heap.
            self.turns = turns.sorted { $0.comes(before: $1) }
        }

        var count: Int { turns.count }
        var first: Turn { turns[0] }

        mutating func replaceFirst(by turn: Turn) {
            turns[0] = turn
            if turns.count > 1 { sink() }
        }

        mutating func removeFirst() {
            let last = turns.removeLast()
            if !turns.isEmpty { replaceFirst(by: last) }
        }

        /// Lets the first turn sink to its place.
        private mutating func sink() {
            let turn = turns[0]
            var place = 0
            while true {
                var child = 2 * place + 1
                if child >= turns.count { break }
                if child + 1 < turns.count, turns[child + 1].comes(before: turns[child]) { child += 1 }
                if !turns[child].comes(before: turn) { break }
                turns[place] = turns[child]
                place = child
            }
            turns[place] = turn
        }
    }
}
