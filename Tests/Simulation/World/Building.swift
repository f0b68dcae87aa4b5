// Building a world out of its shape, and setting it in motion.

import Cluster
import Crypto
import Primitives
import Storage
import Tokens

extension World {
    /// Dice that depend on a name alone: who is left out of a run shifts nobody's luck.
    private func own(_ root: UInt64, _ name: String) -> SeededGenerator {
        SeededGenerator(seed: root ^ StableHash.hash(Array(name.utf8), k0: 11, k1: 12))
    }

    func build() {
        let root = dice.processes.next()
        for (index, line) in (shape.cluster.nodes.map(NodeLine.init) + shape.spares).enumerated() {
            let process = SimulatedProcess(index: index, node: line, file: shape.cluster, dice: own(root, line.name))
            if line.role == .persistence { process.disk = Disk(policy: shape.policy) }
            places[NodeID(name: line.name)] = index
            processes.append(process)
        }
        let deviceRoot = dice.clients.next()
        let minter = TokenMinter(signatures: OpenSSLCrypto())
        for (index, plan) in shape.devices.enumerated() {
            let user = shape.users[plan.user]
            do {
                let token = try minter.mint(
                    sub: user, device: plan.name, ttlSeconds: 24 * 3600,
                    nowSeconds: Self.epochMicroseconds / 1_000_000 - 300,
                    key: Self.tokenKey)
                devices.append(
                    SimulatedDevice(
                        index: index, plan: plan, user: user, userCount: shape.users.count, groupCount: shape.groups.count, token: token,
                        dice: own(deviceRoot, "\(user)/\(plan.name)")))
            } catch {
                preconditionFailure("\(error)")
            }
        }
    }

    func begin() {
        // Processes come up in any order, within half a second.
        for process in processes where process.isExpected {
            plan(.restart(process: process.index, life: 0), after: process.dice.between(.milliseconds(0), .milliseconds(500)))
        }
        for device in devices where !device.plan.isLate {
            plan(.deviceActs(device: device.index), after: device.plan.comesAt)
            plan(.deviceSigns(device: device.index), after: device.plan.comesAt + signs.pause.nanoseconds)
            if let leavesAt = device.plan.leavesAt { plan(.deviceLeaves(device: device.index), after: leavesAt) }
        }
        planFault()
        planChange()
        plan(.heal, after: shape.safetyTime)
    }
}
