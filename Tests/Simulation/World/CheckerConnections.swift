// Connections that have outlived their use: to peers that are not heard any more, and to devices that came anew.
//
// Who holds on to such a connection does no harm that anybody sees at once: what goes over it is lost, and somebody else
// makes good for it. So the connections themselves are watched, from outside, as a kernel sees them.

import Primitives
import RPC

extension Checker {
    /// A link is looked at every `heartbeat`, and a steady clock may be wrong by 3 %; the rest is air.
    private static let silenceMax = RPCLimits.silenceMax.nanoseconds + RPCLimits.heartbeat.nanoseconds + Interval.milliseconds(500).nanoseconds

    /// - Parameter silence: since `peer` was heard over a link that `process` keeps.
    mutating func onSilence(_ silence: Moment, of peer: String, at process: String, _ moment: Moment) {
        guard silence > Self.silenceMax else { return }
        fail(.recovery, moment, "\(process) lets \(peer) go when it has not heard it for \(RPCLimits.silenceMax.milliseconds) ms", "it keeps a link over which nothing has come for \(silence / 1_000_000) ms")
    }

    /// How long after a device came anew, and after the last fault, a former connection of it may be open still. A gateway
    /// waits two seconds for the client's answer to its close.
    private static let formerAfterWelcomeMax = Interval.seconds(5).nanoseconds
    private static let formerAfterHealMax = Interval.seconds(10).nanoseconds

    /// Of a device's connections the newest stays, and the gateways are told to close the others: those whose device went
    /// without a word, too, long before a gateway would miss it.
    func debtOfConnections(_ world: World) -> Debt? {
        for device in world.devices {
            guard let newest = device.welcomed.last, world.moment - newest.at > Self.formerAfterWelcomeMax else { continue }
            let count = device.welcomed.dropLast().count { world.network.connections[$0.connection].ends[Side.far.rawValue].isOpen }
            guard count > 0 else { continue }
            return Debt(.bounded, "no gateway keeps a former connection of \(device.name)", "\(count) are open", patience: Self.formerAfterHealMax)
        }
        return nil
    }
}
