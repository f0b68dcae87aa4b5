// What clients ask about files, on its way to the node that has them, or may have them.

import ClientProtocol
import CoreKit
import Media
import Messages
import Primitives

extension ParserCore {
    mutating func setMedia(_ node: NodeID, isUp: Bool) {
        guard medias.values.contains(node) else { return }
        if isUp { mediasUp.insert(node) } else { mediasUp.remove(node) }
    }

    /// - Returns: whether it was handed on.
    mutating func onMedia(
        _ ref: MessageID, _ wish: MediaRequest.Wish, _ origin: Origin, _ effects: inout [Effect]
    ) -> Bool {
        guard !medias.isEmpty else {
            refuse(origin, ErrorFrame(.unsupported, "this cluster has no media service", ref: ref), &effects)
            return false
        }
        let node: NodeID?
        switch wish {
        case .upload: node = home(of: origin)
        case .link(let media), .keep(let media):
            guard let owner = medias[media.tag] else {
                refuse(origin, ErrorFrame(.mediaUnknown, "there is no such file", ref: ref), &effects)
                return false
            }
            node = mediasUp.contains(owner) ? owner : nil
        }
        guard let node else {
            let error = ErrorFrame(
                .unavailable, "the service that this belongs to is away", ref: ref, retryMs: unavailableRetryMs)
            refuse(origin, error, &effects)
            return false
        }
        effects.append(.send(node, .mediaRequest(MediaRequest(origin: origin, reference: ref, wish: wish))))
        return true
    }

    /// Any node that is there takes an upload; of one user the same while it is, so that her bounds hold.
    private func home(of origin: Origin) -> NodeID? {
        let up = mediasUp.sorted()
        guard !up.isEmpty else { return nil }
        let hash = StableHash.hash(Array(origin.user.text.utf8), k0: 0, k1: 0)
        return up[Int(hash % UInt64(up.count))]
    }
}
