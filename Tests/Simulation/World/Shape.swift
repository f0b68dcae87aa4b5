// What a seed decides before anything happens: how large the cluster is, how it keeps messages, and who its people are.
//
// Small numbers find most bugs: one of everything shows what a lone process must bear, two or three show what neighbours do
// to each other, and a handful of people write to each other often enough to collide.

import ClientProtocol
import Cluster
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
}

/// A device of a person.
struct DevicePlan: Sendable {
    let user: Int
    let name: DeviceID
    let encoding: ClientEncoding
    /// Comes for the first time when everything is healed.
    let isLate: Bool
}

struct Shape: Sendable {
    let cluster: ClusterMap
    let policy: StorePolicy
    let users: [UserID]
    let devices: [DevicePlan]
    /// How long faults may strike.
    let safetyTime: Moment

    init(dice: inout SeededGenerator) {
        let counts = LocalCounts(
            gateways: dice.pick(1..<4), parsers: dice.pick(1..<4), sessions: dice.pick(1..<5), groups: dice.pick(1..<3),
            lastSeens: dice.pick(1..<3), persistences: dice.percent(70) ? 1 : dice.pick(2..<4))
        let isArchive = dice.percent(35)
        do {
            cluster = try ClusterMap.local(
                counts, name: "simulated", ringParameters: RingParameters(), storageMode: isArchive ? .archive : .temporary)
        } catch {
            preconditionFailure("a small cluster has no problem, but: \(error)")
        }
        policy = StorePolicy(isArchive: isArchive)
        safetyTime = dice.between(.seconds(20), .seconds(45))
        let userCount = dice.pick(4..<10)
        users = (0..<userCount).map { UserID("u\($0)")! }
        var devices: [DevicePlan] = []
        for user in 0..<userCount {
            let deviceCount = dice.percent(30) ? 2 : 1
            for number in 0..<deviceCount {
                devices.append(
                    DevicePlan(
                        user: user, name: DeviceID("d\(number)")!, encoding: dice.percent(50) ? .json : .binary,
                        isLate: user == userCount - 1))
            }
        }
        self.devices = devices
    }

    func partition(of user: UserID) -> Int {
        Int(cluster.ring(of: .persistence).owner(ofKey: user.text.utf8).rawValue)
    }

    /// In words, for the report.
    var text: String {
        let counts = Role.allCases.filter { $0 != .media }.map { "\(cluster.nodes(of: $0).count)" }.joined(separator: "/")
        return "\(counts) \(cluster.storageMode.rawValue) \(users.count)u\(devices.count)d"
    }
}
