// fantail load: how much every node can take, and orders to hold a level by hand.

import Cluster
import FantailCLI

enum LoadCommand {
    static let spec = CommandSpec(
        "load", "Show what is given up under load, or hold a level by hand", synopsis: "[pin LEVEL NODE|all | auto NODE|all] [OPTIONS]",
        notes: [
            "Levels: 0 nothing is given up, 1 typing and online pushes, 2 last seen too, 3 receipts come later and many as one,",
            "4 new messages are refused. A level that is held stays until fantail load auto, or until the node is started again.",
            "Those who send to a node take its level into account: pin a session shard, and parsers give up what it says.",
        ])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let order = try LoadOrder(arguments.operands)
        let map = try Places(arguments).cluster()
        if case .pin(_, let name) = order, let path = order.path { try change(path, name, map) }
        let answers = AdminPoll.get("/load", from: map.nodes.map(\.admin), timeoutMs: 300)
        let loads = answers.map { answer -> NodeLoad? in
            guard case .success(let page) = answer, page.status == 200 else { return nil }
            return NodeLoad(json: page.body)
        }
        System.print(LoadReport.rows(map, loads))
        return loads.contains(nil) ? 1 : 0
    }

    private static func change(_ path: String, _ name: String?, _ map: ClusterMap) throws(CommandFailure) {
        let nodes = name.map { name in map.nodes.filter { $0.name == name } } ?? map.nodes
        guard !nodes.isEmpty else { throw .failure("the cluster has no node \(Printable.line(name ?? "")); fantail status lists them") }
        let answers = AdminPoll.get(path, from: nodes.map(\.admin), timeoutMs: 1_000, isChange: true)
        for (node, answer) in zip(nodes, answers) {
            switch answer {
            case .success(let page) where page.status == 200: continue
            case .success(let page): throw .failure("\(node.name): \(page.sentence)")
            case .failure(let failure): throw .failure("\(node.name): \(failure.sentence)")
            }
        }
    }
}
