// fantail cluster apply, drain, stay, remove: another cluster file, taken up by processes that run.
//
// The file is replaced as a whole, then every node is told to read it. One that cannot be told reads it by itself as soon as it
// hears of the newer epoch from a peer, so nothing is lost when this command dies half-way.

import Cluster
import FantailCLI
import Primitives

struct ClusterChanges {
    /// How long all nodes may take to read the file, and how often they are asked.
    private static let patience = Interval.seconds(10)
    private static let pause = Interval.milliseconds(200)
    /// How long a drain is waited for. A gateway spreads the leave of its clients over 30 s.
    private static let drainPatience = Interval.seconds(60)

    let places: Places
    let isForced: Bool

    /// - Parameter path: of the new file.
    func apply(_ path: String) throws(CommandFailure) -> Int32 {
        guard let bytes = try Files.read(path) else { throw .failure("there is no file \(path)") }
        return try change(to: bytes, named: path)
    }

    func edit(_ edit: ClusterEdit) throws(CommandFailure) -> Int32 {
        let map = try places.cluster()
        guard let bytes = try Files.read(places.clusterFile) else { throw .failure("there is no file \(places.clusterFile)") }
        let text = try edit.applied(to: String(decoding: bytes, as: UTF8.self), of: map)
        let status = try change(to: Array(text.utf8), named: places.clusterFile)
        guard status == 0, case .drain(let name) = edit, let node = map.node(named: name) else { return status }
        return waitUntilDrained(node)
    }

    private func change(to bytes: [UInt8], named path: String) throws(CommandFailure) -> Int32 {
        let old = try places.cluster()
        let new: ClusterMap
        do throws(ClusterFileError) {
            new = try ClusterMap.parse(bytes)
        } catch {
            throw .failure("\(path): \(error)")
        }
        let change: ClusterChange
        do throws(ClusterChangeProblem) {
            change = try ClusterChange(from: old, to: new)
        } catch {
            throw .failure("\(path): \(error)")
        }
        try requireDrained(change)
        System.print(ChangeReport.plan(change))
        System.print("")
        try Files.replace(places.clusterFile, with: bytes, mode: 0o644)
        _ = AdminPoll.get("/cluster/reload", from: (new.nodes + change.leaving).map(\.admin), timeoutMs: 2_000, isChange: true)
        return try report(new)
    }

    /// Nobody leaves who still holds something, unless the operator insists.
    private func requireDrained(_ change: ClusterChange) throws(CommandFailure) {
        guard !isForced else { return }
        for (node, view) in zip(change.leaving, views(of: change.leaving)) {
            guard let view, let remainder = view.remainder else { continue }
            throw .failure(
                "\(node.name) cannot leave yet: \(remainder); say fantail cluster drain \(node.name) first, or add --force")
        }
    }

    private func report(_ map: ClusterMap) throws(CommandFailure) -> Int32 {
        let deadline = System.now().instant + Self.patience
        var views = views(of: map.nodes)
        func isDone() -> Bool { views.allSatisfy { $0.map { $0.epoch >= UInt64(map.epoch) } ?? true } }
        while !isDone(), System.now().instant < deadline {
            System.sleep(Self.pause)
            views = self.views(of: map.nodes)
        }
        System.print(ChangeReport.rows(map, views))
        return isDone() ? 0 : 1
    }

    private func waitUntilDrained(_ node: Node) -> Int32 {
        let deadline = System.now().instant + Self.drainPatience
        var said: String?
        while System.now().instant < deadline {
            guard let view = views(of: [node])[0] else {
                System.print("\(node.name) does not answer: nothing is left of what it held.")
                return 0
            }
            guard let remainder = view.remainder else {
                System.print(
                    "\(node.name) holds nothing any more. Stop it, then type: fantail cluster remove \(node.name)\n"
                        + "(under deploy/run.sh only type that: its launcher starts again whoever stops, and stops whoever is removed)")
                return 0
            }
            if remainder != said { System.print("\(node.name): \(remainder)") }
            said = remainder
            System.sleep(.seconds(1))
        }
        System.print("\(node.name) still holds something after \(Self.drainPatience.nanoseconds / 1_000_000_000) s; it goes on, look again with fantail ring.")
        return 1
    }

    private func views(of nodes: [Node]) -> [NodeView?] { AdminPoll.views(of: nodes) }
}
