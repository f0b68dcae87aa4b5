// fantail trace: the life of one message, from every process that saw it.

import Cluster
import CoreKit
import FantailCLI
import Primitives

enum TraceCommand {
    static let spec = CommandSpec(
        "trace", "Tell the life of a message", synopsis: "AUTHOR/ID [OPTIONS]",
        notes: ["AUTHOR/ID is what fantail send prints. Nodes remember their last steps only, so ask soon."])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let words = arguments.operands.first?.split(separator: "/", omittingEmptySubsequences: false) ?? []
        guard arguments.operands.count == 1, words.count == 2, let author = UserID(String(words[0])),
            let id = MessageID(String(words[1]))
        else { throw .usage("name one message: fantail trace AUTHOR/ID") }
        let map = try Places(arguments).cluster()
        let key = HexDigits.sixteen(TraceKey(author: author, id: id).rawValue)
        let answers = AdminPoll.get("/trace?key=\(key)", from: map.nodes.map(\.admin), timeoutMs: 1_000)
        var steps: [TraceStep] = []
        var silent: [String] = []
        for (node, answer) in zip(map.nodes, answers) {
            switch answer {
            case .success(let page) where page.status == 200:
                steps += page.body.split(whereSeparator: \.isNewline).compactMap { TraceStep(json: String($0)) }
            case .success(let page): System.complain("\(node.name) did not tell: \(page.sentence)")
            case .failure: silent.append(node.name)
            }
        }
        guard silent.count < map.nodes.count else { throw .failure("no node answers; is the cluster up? fantail status tells") }
        if !silent.isEmpty { System.complain("no answer from \(silent.joined(separator: ", "))") }
        guard !steps.isEmpty else {
            throw .failure("no node remembers \(author)/\(id): it is too long ago, or the name is wrong")
        }
        System.print("\(author)/\(id), key \(key)")
        System.print(TraceReport.rows(steps, clock: System.clock(), nodes: map.nodes))
        return 0
    }
}
