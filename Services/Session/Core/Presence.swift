// What session shards do for presence and privacy: they tell last-seen of connections that ended, and take in settings.
//
// A gateway that dies takes thousands of connections along. Whatever ends in one tick leaves as one batch for each shard of
// last-seen. A batch that is lost costs little: whoever is not heard of again fades by themselves.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import Privacy
import RPC

extension SessionCore {
    mutating func noteDeparture(_ origin: Origin) {
        let place = ConnectionPlace(gateway: origin.gateway, connection: origin.connection)
        departures.append(PresenceGone.Item(user: origin.user, place: place))
    }

    /// At most `MessageLimits.seenCountMax` in one message.
    mutating func tellDepartures(_ effects: inout [Effect]) {
        guard !departures.isEmpty else { return }
        var shares: [NodeID: [PresenceGone.Item]] = [:]
        for item in departures {
            if let node = lastSeens.route(item.user) { shares[node, default: []].append(item) }
        }
        departures = []
        for node in lastSeens.up {
            var share = (shares[node] ?? [])[...]
            while !share.isEmpty {
                let items = Array(share.prefix(MessageLimits.seenCountMax))
                share = share.dropFirst(items.count)
                effects.append(.send(node, .presenceGone(PresenceGone(items: items))))
            }
        }
    }

    /// From now on these hold here. The user's other devices show them; the one that asked gets its own answer.
    mutating func onSettingsNews(_ news: SettingsNews, _ call: RemoteCall, _ effects: inout [Effect]) {
        effects.append(.answer(call, .done))
        let revokedBefore = users[news.owner]?.settings.revokedBefore
        guard users[news.owner]?.note(news.settings) == true else { return }
        if let revokedBefore, news.settings.revokedBefore > revokedBefore { forgetGone(news.owner) }
        guard users[news.owner] != nil else { return }
        tellTokenRule(users[news.owner]!, &effects)
        for device in users[news.owner]!.devices where device.isLive {
            let place = ConnectionPlace(gateway: device.origin.gateway, connection: device.origin.connection)
            if place != news.author { tell(device.origin, .settings(ref: nil, news.settings), &effects) }
        }
    }
}
