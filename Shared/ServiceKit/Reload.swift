// Another cluster file, taken up while the process runs.
//
// It is read again when an operator says so (SIGHUP, or POST /cluster/reload), and by itself while a peer goes by a newer one:
// whoever was forgotten catches up as soon as the file is there. A file that is wrong, or that changes what nothing can
// change at run time, is refused with one sentence, and the process goes on by the one it has.

import Cluster
import CoreKit
import Primitives

/// What became of reading the file again.
enum ReloadOutcome: Equatable {
    case applied
    /// It is the file that is in use.
    case unchanged
    /// One sentence: why, and what to do.
    case refused(String)
}

/// How often the file is looked at while somebody goes by a newer one: at first every `ServiceLimits.reloadPause`, for copies arrive
/// one after the other; when that has brought nothing for `reloadPatience`, every `reloadPauseLong`. A peer may have named an epoch
/// that no file will ever have, and nobody takes such a word back.
package struct EpochPursuit: Equatable {
    /// What was heard.
    package let epoch: UInt64
    private let since: Instant
    private var isLong = false

    package init(epoch: UInt64, now: Instant) {
        self.epoch = epoch
        since = now
    }

    /// When to look again after a look just now.
    /// - Returns: also whether this is the first of the long pauses, for the log.
    package mutating func afterLook(_ now: Instant) -> (next: Instant, isNews: Bool) {
        guard now - since >= ServiceLimits.reloadPatience else { return (now + ServiceLimits.reloadPause, false) }
        defer { isLong = true }
        return (now + ServiceLimits.reloadPauseLong, !isLong)
    }
}

extension ServiceLoop {
    /// Reads the cluster file and goes on by it, if it is a newer one that may be taken up.
    @discardableResult
    mutating func reload(_ now: Now) -> ReloadOutcome {
        reloadedAt = now.instant
        let outcome = takeUp(now)
        switch outcome {
        case .applied:
            figures.reloadCount += 1
            figures.reloadRefusal = nil
            note(LogRecord(.info, "cluster_changed", ["epoch": "\(setup.cluster.epoch)"]), now)
        case .unchanged:
            figures.reloadRefusal = nil
        case .refused(let reason):
            figures.reloadRefusedCount += 1
            // While we are behind this comes again and again, and says the same.
            if figures.reloadRefusal != reason { note(LogRecord(.error, "cluster_file_refused", ["reason": reason]), now) }
            figures.reloadRefusal = reason
        }
        return outcome
    }

    private mutating func takeUp(_ now: Now) -> ReloadOutcome {
        let change: ClusterChange
        do {
            let cluster = try ServiceHost.readCluster(setup.clusterPath)
            if cluster == setup.cluster { return .unchanged }
            change = try ClusterChange(from: setup.cluster, to: cluster)
        } catch let failure as StartFailure {
            return .refused(failure.sentence)
        } catch {
            return .refused("\(setup.clusterPath): \(error)")
        }
        let former = setup.node
        setup.cluster = change.new
        if let own = change.new.node(named: former.name) {
            setup.node = own
            if own.rpc != former.rpc || own.admin != former.admin || own.client != former.client {
                note(LogRecord(.warning, "restart_needed", ["reason": "the addresses of this node have changed"]), now)
            }
            if own.isDraining != former.isDraining { note(LogRecord(.info, own.isDraining ? "draining" : "staying"), now) }
        } else {
            note(LogRecord(.warning, "left_cluster", ["epoch": "\(change.new.epoch)"]), now)
        }
        gatherAnew(now)
        node.adopt(change, selfID: former.id, now: now)
        return .applied
    }

    /// The sentence for `/readyz` of a node that the cluster file does not name any more.
    var departureSentence: String? {
        setup.cluster.node(named: setup.node.name) == nil
            ? "the cluster file of epoch \(setup.cluster.epoch) has no node \(setup.node.name): stop it" : nil
    }

    /// While somebody goes by a newer file, ours is looked at again: at once, or `ServiceLimits.reloadPause` after the last look, and
    /// then as `EpochPursuit` says.
    mutating func followEpoch(_ now: Now) {
        guard node.mesh.isBehind else { return pursuit = nil }
        guard pursuit?.epoch != node.mesh.epochHeard else { return }
        pursuit = EpochPursuit(epoch: node.mesh.epochHeard, now: now.instant)
        timers.arm(.reload, at: reloadedAt.map { max(now.instant, $0 + ServiceLimits.reloadPause) } ?? now.instant)
    }

    /// Time for a look, if there is still a newer file.
    mutating func pursueEpoch(_ now: Now) {
        guard node.mesh.isBehind else { return }
        reload(now)
        guard node.mesh.isBehind, let (next, isNews) = pursuit?.afterLook(now.instant) else { return }
        timers.arm(.reload, at: next)
        guard isNews else { return }
        let fields: KeyValuePairs = ["epoch": "\(setup.cluster.epoch)", "heard": "\(node.mesh.epochHeard)"]
        note(LogRecord(.warning, "cluster_file_missing", fields), now)
    }

    /// What `fantail cluster` and `fantail ring` read: one flat object, so that the simplest of readers will do.
    func clusterPage(_ outcome: ReloadOutcome? = nil) -> String {
        var members = [
            "\"node\":\(PlainText.json(setup.node.name))", "\"service\":\(PlainText.json(setup.node.role.name))",
            "\"epoch\":\(setup.cluster.epoch)", "\"epoch_heard\":\(node.mesh.epochHeard)",
            "\"draining\":\(setup.node.isDraining || departureSentence != nil)",
            "\"left\":\(PlainText.json(node.core.remainder ?? ""))", "\"moved\":\(node.movedCount)",
        ]
        switch outcome {
        case .applied: members.append("\"outcome\":\"applied\"")
        case .unchanged: members.append("\"outcome\":\"unchanged\"")
        case .refused: members.append("\"outcome\":\"refused\"")
        case nil: break
        }
        if let reason = figures.reloadRefusal { members.append("\"reason\":\(PlainText.json(reason))") }
        let peers = node.mesh.peerStates
        let up = peers.filter(\.isUp).map { "\($0.peer.name)@\(node.mesh.epoch(of: $0.peer.id) ?? 0)" }
        members.append("\"peers_up\":\(PlainText.json(up.joined(separator: " ")))")
        members.append("\"peers_away\":\(PlainText.json(peers.filter { !$0.isUp }.map(\.peer.name).joined(separator: " ")))")
        return "{\(members.joined(separator: ","))}\n"
    }

    private mutating func note(_ record: LogRecord, _ now: Now) { log.write(record, at: now.stamp) }
}
