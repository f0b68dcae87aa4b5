// Everything that there is of a user goes, one step after the other, in an order that lets nothing come back:
//
//     revoking   tokens hold no more; a second later no device of hers writes anything any more
//     listing    which groups she is in; she leaves each of them, until her list is empty: a group's word about it comes to her inbox.
//                Those that are hers stay, and so does all that follows: somebody has to decide first
//     inbox      texts, some hundred in each step
//     profile    settings, devices, receipts, last seen
//
// Each step may be done twice. So a request that does not end in time, or with a part of the cluster away, is simply made again.

import ClientProtocol
import CoreKit
import Groups
import Messages
import Primitives
import Privacy
import RPC

/// A request to erase a user's data, on its way.
struct Erasure {
    enum Step {
        case revoking
        case listing
        /// The groups that are still to be left, the last one first; it was asked for.
        case leaving([UserID])
        /// The list of groups is read in a moment.
        case pausing
        case inbox
        case profile
    }

    let user: UserID
    /// When it was asked for: tokens issued before it hold no more.
    let at: Stamp
    var step = Step.revoking
    /// Groups that she has left, or that do not know her, and whose word about it has perhaps not come to her inbox yet.
    var left: Set<UserID> = []
    /// Groups that she cannot leave, because they are hers and others are in them.
    var owned: Set<UserID> = []
    /// How often the list was read in vain.
    var pauseCount = 0

    /// The same for every group and for every try of this request.
    var changeID: MessageID { MessageID("erasure-\(at.microseconds)")! }
}

extension APICore {
    mutating func eraseUser(_ user: String, _ ask: Ask, now: Now, _ effects: inout [Effect]) -> Outcome {
        guard let user = Self.person(user), !user.isReserved else {
            return .answered(.bad("user", "\(Self.personRule), and not \(UserID.system)"))
        }
        guard let node = lastSeens.route(user) else { return .answered(.away) }
        let name = expect(.erased(Erasure(user: user, at: now.stamp)), ask)
        let revocation = SettingsQuery(origin: origin(name, user), reference: nil, change: .revokeTokens(before: now.stamp))
        effects.append(.send(node, .settingsQuery(revocation)))
        return .asked(name)
    }

    /// A shard has answered the step.
    mutating func onErasure(
        _ name: ConnectionID, _ erasure: Erasure, _ frame: ServerFrame, now: Now, _ effects: inout [Effect]
    ) {
        switch (erasure.step, frame) {
        case (.revoking, .settings): pause(APILimits.erasureSettling, name, erasure, now: now)
        case (.listing, .groupList(_, let titles, let more)):
            onList(titles.map(\.group), hasMore: more, name, erasure, now: now, &effects)
        case (.leaving(let groups), .groupDone): onLeft(groups, name, erasure, now: now, &effects)
        case (.leaving(let groups), .error(let error)) where error.code == .notMember || error.code == .noSuchGroup:
            onLeft(groups, name, erasure, now: now, &effects)
        case (.leaving(let groups), .error(let error)) where error.code == .notAllowed:
            var erasure = erasure
            erasure.owned.insert(groups.last!)
            leave(groups.dropLast(), name, erasure, now: now, &effects)
        case (.profile, .settings):
            counters.erasures += 1
            conclude(name, Self.erasedAnswer(erasure), now: now, &effects)
        case (_, .error(let error)): conclude(name, Answer(error), now: now, &effects)
        default: break
        }
    }

    /// The pause is over.
    mutating func onErasurePause(_ name: ConnectionID, now: Now, _ effects: inout [Effect]) {
        guard case .erased(let erasure)? = waiting[name]?.what, case .pausing = erasure.step else { return }
        listGroups(name, erasure, now: now, &effects)
    }

    /// Persistence has dropped some texts.
    mutating func onInboxErased(
        _ name: ConnectionID, _ erasure: Erasure, _ erased: InboxErased, now: Now, _ effects: inout [Effect]
    ) {
        guard !erased.hasMore else { return eraseInbox(name, erasure, after: erased.through, now: now, &effects) }
        send(.profile, to: lastSeens.route(erasure.user), name, erasure, now: now, &effects) { origin, erasure in
            .settingsQuery(SettingsQuery(origin: origin, reference: nil, change: .erase(before: erasure.at)))
        }
    }

    // MARK: Steps

    /// Before the list of groups is read, the first time or once more.
    private mutating func pause(_ interval: Interval, _ name: ConnectionID, _ erasure: Erasure, now: Now) {
        var pausing = erasure
        pausing.step = .pausing
        pausing.pauseCount += 1
        waiting[name]!.what = .erased(pausing)
        timers.arm(.erasure(name), at: now.instant + interval)
    }

    private mutating func listGroups(_ name: ConnectionID, _ erasure: Erasure, now: Now, _ effects: inout [Effect]) {
        send(.listing, to: sessions.route(erasure.user), name, erasure, now: now, &effects) { origin, _ in
            .membershipQuery(MembershipQuery(origin: origin, reference: nil, after: nil))
        }
    }

    private mutating func onList(
        _ groups: [UserID], hasMore: Bool, _ name: ConnectionID, _ erasure: Erasure, now: Now, _ effects: inout [Effect]
    ) {
        let news = groups.filter { !erasure.left.contains($0) && !erasure.owned.contains($0) }
        if !news.isEmpty { return leave(news, name, erasure, now: now, &effects) }
        let isBehind = groups.contains { erasure.left.contains($0) } && erasure.pauseCount < APILimits.erasurePauseCountMax
        if isBehind { return pause(APILimits.erasurePause, name, erasure, now: now) }
        guard erasure.owned.isEmpty else {
            let names = erasure.owned.sorted().map(\.text).joined(separator: ", ")
            let text = "\(erasure.user) owns \(names): make another member the owner, or delete it, and ask again"
            return conclude(name, Answer(refusing: 409, "owns_group", text), now: now, &effects)
        }
        // Groups that nobody can leave hide others.
        if hasMore { return conclude(name, .away, now: now, &effects) }
        eraseInbox(name, erasure, after: 0, now: now, &effects)
    }

    /// Leaves the last of them.
    private mutating func leave(
        _ groups: [UserID], _ name: ConnectionID, _ erasure: Erasure, now: Now, _ effects: inout [Effect]
    ) {
        guard let group = groups.last else { return pause(APILimits.erasurePause, name, erasure, now: now) }
        send(.leaving(groups), to: self.groups.route(group), name, erasure, now: now, &effects) { origin, erasure in
            .groupAct(GroupAct(origin: origin, group: group, id: erasure.changeID, change: .leave))
        }
    }

    private mutating func onLeft(
        _ groups: [UserID], _ name: ConnectionID, _ erasure: Erasure, now: Now, _ effects: inout [Effect]
    ) {
        var erasure = erasure
        erasure.left.insert(groups.last!)
        leave(groups.dropLast(), name, erasure, now: now, &effects)
    }

    private mutating func eraseInbox(
        _ name: ConnectionID, _ erasure: Erasure, after: UInt64, now: Now, _ effects: inout [Effect]
    ) {
        var erasing = erasure
        erasing.step = .inbox
        waiting[name]!.what = .erased(erasing)
        let request = EraseInbox(owner: erasure.user, after: after, limit: MessageLimits.eraseEntryCountMax)
        call(stores.primary(of: erasure.user), .eraseInbox(request), for: Call(name: name), &effects)
    }

    private mutating func send(
        _ step: Erasure.Step, to node: NodeID?, _ name: ConnectionID, _ erasure: Erasure, now: Now, _ effects: inout [Effect],
        _ message: (Origin, Erasure) -> Message
    ) {
        guard let node else { return conclude(name, .away, now: now, &effects) }
        var next = erasure
        next.step = step
        waiting[name]!.what = .erased(next)
        effects.append(.send(node, message(origin(name, erasure.user), next)))
    }

    private static func erasedAnswer(_ erasure: Erasure) -> Answer {
        var json = JSONText()
        json.string("user", erasure.user.text)
        json.number("before", erasure.at.microseconds)
        json.list("left", erasure.left.sorted().map { JSONText.quoted($0.text) })
        return Answer(200, json.finished)
    }
}
