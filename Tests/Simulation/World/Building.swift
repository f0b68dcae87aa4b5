// Building a world out of its shape, and setting it in motion.

import Crypto
import Primitives
import Storage
import Tokens

extension World {
    func build() {
        for (index, node) in shape.cluster.nodes.enumerated() {
            let process = SimulatedProcess(index: index, node: node)
            process.skew = Interval(nanoseconds: dice.processes.between(.milliseconds(-500), .milliseconds(500)))
            if node.role == .persistence { process.disk = Disk(policy: shape.policy) }
            processes.append(process)
        }
        let minter = TokenMinter(signatures: OpenSSLCrypto())
        for (index, plan) in shape.devices.enumerated() {
            let user = shape.users[plan.user]
            do {
                let token = try minter.mint(
                    sub: user, device: plan.name, ttlSeconds: 24 * 3600, nowSeconds: Self.epochMicroseconds / 1_000_000 - 5,
                    key: Self.tokenKey)
                devices.append(
                    SimulatedDevice(
                        index: index, plan: plan, user: user, userCount: shape.users.count, token: token,
                        dice: dice.clients.split()))
            } catch {
                preconditionFailure("\(error)")
            }
        }
    }

    func begin() {
        // Processes come up in any order, within half a second.
        for process in processes {
            plan(.restart(process: process.index, life: 0), after: dice.processes.between(.milliseconds(0), .milliseconds(500)))
        }
        for device in devices where !device.plan.isLate {
            plan(.deviceActs(device: device.index), after: dice.workload.between(.milliseconds(0), .seconds(3)))
        }
        planFault()
        plan(.heal, after: shape.safetyTime)
    }
}
