// Who is shown as being here, or as having been: somebody who was, to whoever may know.
//
// Presence is soft, so a line that is lost is no loss. But a line that tells something must be allowed, and when everything has
// healed everybody who watches sees who is here, and nobody who hides.

import ClientProtocol
import Primitives
import Privacy

extension Checker {
    /// Do two people let each other see when they were here, as the disk has it now?
    private func mayBeSeen(_ user: Int, by viewer: Int) -> Bool {
        settings[user].last.lets(shape.users[viewer]) && settings[viewer].last.lets(shape.users[user])
    }

    mutating func onPresence(_ lines: [PresenceLine], _ device: Int, _ moment: Moment, _ world: World) {
        let viewer = shape.devices[device].user
        let since = moment - delayMax(world)
        for line in lines {
            guard let user = users[line.user] else {
                if line.isOnline || line.lastSeen != nil { fail(.nobodyElse, moment, "presence of people", "\(line.user) at \(name(device))") }
                continue
            }
            screens[device].presence[user] = line
            guard line.isOnline || line.lastSeen != nil else { continue }
            presenceShownCount += 1
            guard user != viewer else { continue }
            // Each side as it may have been while the line was on its way.
            let (one, other) = (shape.users[user], shape.users[viewer])
            let isLet =
                settings[user].mayHaveBeen(since: since, until: moment) { $0.lets(other) }
                && settings[viewer].mayHaveBeen(since: since, until: moment) { $0.lets(one) }
            guard isLet else {
                return fail(.privacy, moment, "\(other) and \(one) do not let each other see when they were here", "\(name(device)) shows \(one) \(line.isOnline ? "online" : "last seen")")
            }
            guard hasActed.contains(user) else {
                return fail(.passing, moment, "\(one) has done nothing yet", "\(name(device)) shows that she was here")
            }
        }
    }

    /// A person did something, as her client says.
    mutating func onAct(_ frame: ClientFrame, device: Int) {
        switch frame {
        case .send(_, _, _, _, isAuto: false), .read(_, _, isAuto: false), .typing(_, isOn: true), .active(on: true):
            hasActed.insert(shape.devices[device].user)
        default: break
        }
    }

    /// When all is well and everybody looks at everybody: who is here is seen by whom she lets, and by nobody else.
    func debtOfPresence(_ world: World, isOwed: (SimulatedDevice) -> Bool) -> Debt? {
        for device in world.devices where isOwed(device) {
            for user in shape.users.indices where user != device.plan.user {
                let name = shape.users[user]
                guard let line = screens[device.index].presence[user] else {
                    return Debt(.recovery, "\(device.name), who watches \(name), is told of her", "she is not")
                }
                guard mayBeSeen(user, by: device.plan.user) else {
                    if line.isOnline || line.lastSeen != nil {
                        return Debt(.privacy, "\(device.name) does not see \(name)", "she is \(line.isOnline ? "online" : "last seen")")
                    }
                    continue
                }
                guard world.devices.contains(where: { $0.plan.user == user && isOwed($0) }) else { continue }
                if !line.isOnline { return Debt(.recovery, "\(device.name) sees that \(name) is online", "she is not, it is told") }
            }
        }
        return nil
    }
}

extension World {
    /// Everybody comes to the front, does something and looks at everybody.
    func lookAtEverybody() {
        let now = Instant(nanoseconds: moment)
        for device in devices where !device.hasLeft {
            if !workload.isLooking {
                checker.screens[device.index].presence = [:]
                // What was said while the cluster was busy may have been given up.
                device.client.setInFront(false, now: now)
                device.client.setInFront(true, now: now)
                device.client.watch(shape.users.filter { $0 != device.user }, now: now)
            }
            device.client.act(now)
            settle(device)
        }
        workload.isLooking = true
    }
}
