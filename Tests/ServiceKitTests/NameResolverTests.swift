// Looking names up while some of them hang.

import Primitives
import ServiceKit
import Synchronization
import Testing

/// A name server of which some names hang until they are let go, and some do not exist until they are made.
private final class Names: Sendable {
    private struct State: Sendable {
        var hanging: Set<String> = []
        var known: Set<String> = []
        var asked: [String] = []
    }

    private let state = Mutex(State())

    init(hanging: Set<String> = [], known: Set<String> = []) {
        state.withLock {
            $0.hanging = hanging
            $0.known = known
        }
    }

    func letGo(_ name: String) { state.withLock { _ = $0.hanging.remove(name) } }
    func make(_ name: String) { state.withLock { _ = $0.known.insert(name) } }
    var asked: [String] { state.withLock { $0.asked } }

    func resolve(_ name: String) -> Result<IPv4, SystemCalls.ResolveError> {
        state.withLock { $0.asked.append(name) }
        let never = SystemCalls.makeEvent()
        while state.withLock({ $0.hanging.contains(name) }) { _ = SystemCalls.wait(never, timeoutMs: 1) }
        SystemCalls.close(never)
        return state.withLock { $0.known.contains(name) } ? SystemCalls.resolve("127.0.0.1") : .failure(.init(text: "no such name"))
    }
}

@Suite struct NameResolverTests {
    private func node(_ number: UInt32) -> NodeID { NodeID(rawValue: number) }

    /// Waits for that many answers.
    private func answers(_ count: Int, of resolver: NameResolver) -> [NameResolver.Answer] {
        var answers: [NameResolver.Answer] = []
        while answers.count < count {
            guard SystemCalls.wait(resolver.answered, timeoutMs: 60_000) else { break }
            answers += resolver.takeAnswers()
        }
        return answers
    }

    @Test func aNameThatHangsKeepsNobodyElseWaiting() {
        let names = Names(hanging: ["a", "b", "c"], known: ["a", "d", "e"])
        let resolver = NameResolver(threadCountMax: 4) { names.resolve($0) }
        for (number, name) in ["a", "b", "c", "d", "e"].enumerated() { resolver.ask(.dial(node(UInt32(number))), host: name) }
        #expect(Set(answers(2, of: resolver).map(\.purpose)) == [.dial(node(3)), .dial(node(4))])
        names.letGo("a")
        #expect(answers(1, of: resolver).map(\.purpose) == [.dial(node(0))])
        for name in ["b", "c"] { names.letGo(name) }
        #expect(answers(2, of: resolver).allSatisfy { $0.result == .failure(.init(text: "no such name")) })
    }

    @Test func aNameThatDidNotExistIsAskedForAgain() {
        let names = Names()
        let resolver = NameResolver { names.resolve($0) }
        resolver.ask(.dial(node(1)), host: "late")
        #expect(answers(1, of: resolver).map(\.result) == [.failure(.init(text: "no such name"))])
        names.make("late")
        resolver.ask(.dial(node(1)), host: "late")
        #expect(answers(1, of: resolver).map(\.result) == [SystemCalls.resolve("127.0.0.1")])
        #expect(names.asked == ["late", "late"])
    }

    @Test func whatIsTooMuchAtOnceWaitsForItsTurn() {
        let hanging = Set((0..<2).map { "hangs-\($0)" })
        let names = Names(hanging: hanging, known: hanging.union((0..<20).map { "name-\($0)" }))
        let resolver = NameResolver(threadCountMax: 2) { names.resolve($0) }
        for number in 0..<2 { resolver.ask(.dial(node(UInt32(number))), host: "hangs-\(number)") }
        for number in 0..<20 { resolver.ask(.dial(node(UInt32(100 + number))), host: "name-\(number)") }
        #expect(resolver.takeAnswers().isEmpty)
        names.letGo("hangs-0")
        #expect(answers(21, of: resolver).count == 21)
        names.letGo("hangs-1")
        #expect(answers(1, of: resolver).map(\.purpose) == [.dial(node(1))])
    }

    @Test func whoOnlyLooksDoesNotKeepPeersWaiting() {
        let looks = Set((0..<9).map { "look-\($0)" })
        let names = Names(hanging: looks, known: looks.union(["peer"]))
        let resolver = NameResolver(threadCountMax: 4) { names.resolve($0) }
        for number in 0..<9 { resolver.ask(.look(node(UInt32(number))), host: "look-\(number)") }
        resolver.ask(.dial(node(50)), host: "peer")
        #expect(answers(1, of: resolver).map(\.purpose) == [.dial(node(50))])
        #expect(names.asked.count { $0.hasPrefix("look") } <= 2)
        for name in looks { names.letGo(name) }
        #expect(answers(9, of: resolver).count == 9)
    }
}
