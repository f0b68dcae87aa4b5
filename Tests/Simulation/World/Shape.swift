// What a seed decides before anything happens: how large the cluster is, how it keeps messages, and who its people are.
//
// Small numbers find most bugs: one of everything shows what a lone process must bear, two or three show what neighbours do
// to each other, and a handful of people write to each other often enough to collide.
//
// Everything that a cluster file can say is drawn as well: the weights and the seed of the ring, its load bound, the kind of
// storage, how long a message waits. A message that waits half a minute instead of thirty days shows within a run what
// otherwise takes a month.

import ClientProtocol
import Cluster
import Messages
import Primitives
import Ring
import Storage

/// A mistake made on purpose, to see whether the checker finds it.
public enum Plant: String, CaseIterable, Sendable {
    /// After a crash the store has forgotten batches that it had answered.
    case loseSynced = "lose-synced"
    /// The store gives one number to two entries.
    case numberTwice = "number-twice"
    /// A device is shown a body that nobody wrote.
    case wrongBody = "wrong-body"
    /// The author is told `sent` before the message went anywhere.
    case earlySent = "early-sent"
    /// The author is told `delivered` before any device had the message.
    case earlyDelivered = "early-delivered"
    /// The store keeps text that every device has.
    case keepText = "keep-text"
    /// The store answers appends that it did not keep.
    case dropAppend = "drop-append"
    /// The store drops what expired, and nobody tells the author.
    case silentExpiry = "silent-expiry"
    /// A device is told that a message expired that did not.
    case falseExpiry = "false-expiry"
    /// A page of history lacks an entry.
    case shortHistory = "short-history"
    /// A fan-out skips a member, and takes her for served.
    case skipMember = "skip-member"
    /// Two entries of a group change places on their way into some inboxes.
    case swapInGroup = "swap-in-group"
    /// Who was removed from a group gets what is written to it all the same.
    case showRemoved = "show-removed"
    /// The log keeps text that every inbox got.
    case keepGroupText = "keep-group-text"
    /// A message that was stored is refused to its author.
    case falseRefusal = "false-refusal"
    /// An author is told that everybody has and has read her message when the first one has it.
    case falseCounts = "false-counts"
    /// Who asks about a group is not told of one member.
    case falseInfo = "false-info"
    /// Who asks for her groups is not told of one.
    case falseList = "false-list"
    /// Who asks for receipts is told that everybody has and has read the message.
    case falseReceipts = "false-receipts"
    /// An author is told that more members wait for her message than get it.
    case falseLate = "false-late"
    /// A process closes a link to a peer, and it stays open.
    case keepLink = "keep-link"
    /// A gateway closes a device's connection, and it stays open.
    case keepFormer = "keep-former"
}

/// A device of a person.
struct DevicePlan: Sendable {
    let user: Int
    let name: DeviceID
    let encoding: ClientEncoding
    /// Comes for the first time when everything is healed.
    let isLate: Bool
    /// When it comes for the first time, unless it is late.
    let comesAt: Moment
    /// When it goes for ever: sold, drowned, left in a taxi.
    let leavesAt: Moment?
}

struct Shape: Sendable {
    /// As it begins.
    let cluster: ClusterMap
    /// Nodes that may join.
    let spares: [NodeLine]
    let policy: StorePolicy
    let users: [UserID]
    let devices: [DevicePlan]
    /// Whose devices break the rules of the protocol, if anybody's do.
    let rudeUser: Int?
    /// Groups that may come to be.
    let groups: [GroupPlan]
    /// How long faults may strike.
    let safetyTime: Moment

    init(dice: inout SeededGenerator, trim: Trim = .none) {
        let isArchive = dice.percent(35)
        let isBrief = !isArchive && dice.percent(20)
        cluster = Self.cluster(&dice, isArchive: isArchive, trim)
        spares = Self.spares(beside: cluster)
        let expiry = Interval(nanoseconds: dice.between(.seconds(8), .seconds(40)))
        policy = isBrief ? StorePolicy(isArchive: isArchive, expiry: expiry) : StorePolicy(isArchive: isArchive)
        let isLong = dice.percent(isBrief ? 60 : 6)
        let drawn = isLong ? dice.between(.seconds(60), .seconds(150)) : dice.between(.seconds(15), .seconds(45))
        safetyTime = Swift.min(drawn, trim.safety ?? drawn)

        let userCount = dice.oneIn(8) ? 2 : dice.pick(4..<10)
        let lateUser = dice.percent(60) ? userCount - 1 : nil
        rudeUser = userCount > 3 && dice.percent(25) ? 0 : nil
        let manyUser = dice.percent(5) ? 1 : nil
        let deviceCountMax = dice.percent(10) ? 5 : 2
        users = (0..<Swift.min(userCount, trim.users ?? userCount)).map { UserID("u\($0)")! }
        var devices: [DevicePlan] = []
        for user in 0..<userCount {
            var dice = dice.split()
            let drawn =
                user == manyUser
                ? MessageLimits.deviceCountMax + dice.pick(1..<3) : dice.percent(30) ? dice.pick(2..<deviceCountMax + 1) : 1
            for number in 0..<drawn {
                let comesAt = number > 0 && dice.percent(25) ? dice.between(.seconds(1), .seconds(40)) : dice.between(.milliseconds(0), .seconds(3))
                let leavesAt = dice.percent(6) ? comesAt + dice.between(.seconds(2), .seconds(30)) : nil
                let encoding: ClientEncoding = dice.percent(50) ? .json : .binary
                guard user < users.count, number < trim.devices ?? drawn else { continue }
                devices.append(
                    DevicePlan(
                        user: user, name: DeviceID("d\(number)")!, encoding: encoding, isLate: user == lateUser,
                        comesAt: comesAt, leavesAt: user == lateUser ? nil : leavesAt))
            }
        }
        self.devices = devices
        var groupDice = dice.split()
        let groupCount = groupDice.percent(45) ? 0 : groupDice.pick(1..<3)
        let users = users
        groups = (0..<Swift.min(groupCount, trim.groups ?? groupCount)).map { number in
            let creator = groupDice.pick(0..<users.count)
            return GroupPlan(creator: creator, user: users[creator], number: number)
        }
    }

    private static func cluster(_ dice: inout SeededGenerator, isArchive: Bool, _ trim: Trim) -> ClusterMap {
        let drawn = [
            dice.pick(1..<4), dice.pick(1..<4), dice.pick(1..<5), dice.pick(1..<3), dice.pick(1..<3),
            dice.percent(70) ? 1 : dice.pick(2..<4),
        ]
        let counts = zip(drawn, trim.processes ?? drawn).map { Swift.min($0, $1) }
        let isEven = dice.percent(60)
        let parameters = RingParameters(
            seed: dice.oneIn(2) ? 0 : dice.next(), loadPermille: dice.oneIn(3) ? dice.pick(1_010..<2_001) : RingLimits.loadPermilleDefault)
        let groupRules = GroupRules(
            memberCountMax: dice.oneIn(4) ? dice.pick(2..<6) : 1_024, tryCountMax: dice.pick(1..<6), retryMs: dice.pick(10..<500))
        let weights = (0..<64).map { _ in isEven ? 1 : dice.pick(1..<6) }
        do {
            let local = try ClusterMap.local(
                LocalCounts(
                    gateways: counts[0], parsers: counts[1], sessions: counts[2], groups: counts[3], lastSeens: counts[4],
                    persistences: counts[5]), name: "simulated")
            let lines = local.nodes.enumerated().map { place, node in
                NodeLine(
                    role: node.role, name: node.name, rpc: node.rpc, admin: node.admin, client: node.client,
                    weight: node.role.hasRing ? weights[place] : 1)
            }
            return try ClusterMap(
                name: "simulated", epoch: 1, ringParameters: parameters, storageMode: isArchive ? .archive : .temporary,
                groupRules: groupRules, nodes: lines)
        } catch {
            preconditionFailure("a small cluster has no problem, but: \(error)")
        }
    }

    /// One more of each role that may come and go, two more sessions; as a file for one machine would have them.
    private static func spares(beside cluster: ClusterMap) -> [NodeLine] {
        var lines: [NodeLine] = []
        for role in [Role.gateway, .parser, .session, .session, .group, .lastSeen] {
            let number = cluster.nodes(of: role).count + lines.count { $0.role == role } + 1
            let port = 9_000 + 3 * lines.count
            func address(_ offset: Int) -> Address { Address("127.0.0.1:\(port + offset)")! }
            lines.append(
                NodeLine(
                    role: role, name: "\(role.name)-\(number)", rpc: address(0), admin: address(1),
                    client: role.servesClients ? address(2) : nil))
        }
        return lines
    }

    func isRude(_ user: Int) -> Bool { user == rudeUser }

    /// A person with more devices than may be served at once.
    func isCrowded(_ user: Int) -> Bool { devices.count { $0.user == user } > MessageLimits.deviceCountMax }

    /// Messages may expire, and devices be forgotten, while somebody watches.
    var isBrief: Bool { policy.expiry < StoreLimits.expiryDefault }

    func partition(of user: UserID) -> Int {
        let owner = cluster.ring(of: .persistence).owner(ofKey: user.text.utf8)
        return cluster.nodes.firstIndex { $0.id == owner }!
    }

    var processCounts: [Int] { Role.allCases.filter { $0 != .media && $0 != .api }.map { cluster.nodes(of: $0).count } }

    /// In words, for the report.
    var text: String {
        let counts = processCounts.map(String.init).joined(separator: "/")
        let expiry = isBrief ? " for \(policy.expiry.nanoseconds / 1_000_000_000) s" : ""
        return "\(counts) \(cluster.storageMode.rawValue)\(expiry) \(users.count)u\(devices.count)d\(rudeUser == nil ? "" : " rude")\(groups.isEmpty ? "" : " \(groups.count)g")"
    }
}
